/** Records which messages have had a notification in this browser, so that only one tab shows it. */

import { Database } from "./lib/database.js";
import { steps } from "./lib/ids.js";

/** @typedef {{id: string}} Event of the feed, where ids ascend */

const VERSION = 1;
const STORE = "told";
const UP_TO = "up to";

/** The beginning of the databases' names. */
export const PREFIX = "messenger.notified.";

export class Notified {
  #database;

  /** @param {string} userId */
  constructor(userId) {
    this.#database = new Database(PREFIX + userId, VERSION, (database) => database.createObjectStore(STORE));
  }

  /**
   * Claims events for this tab, and returns those that no tab has claimed before. Tabs get events in order, so the
   * tab that claimed a later event has handled the earlier ones. Without storage it returns all: a second
   * notification is better than none.
   * @template {Event} E
   * @param {E[]} events in the order of the feed
   * @returns {Promise<E[]>}
   */
  async claim(events) {
    let news = events;
    const take = (/** @type {IDBObjectStore} */ store) => {
      const upTo = store.get(UP_TO);
      upTo.addEventListener("success", () => {
        news = events.filter(({ id }) => upTo.result === undefined || !(steps(upTo.result, id) <= 0));
        const last = news.at(-1);
        if (last) store.put(last.id, UP_TO);
      });
      return upTo;
    };
    return this.#database.ask(STORE, "readwrite", take).then(() => news, () => events);
  }

  clear() {
    return this.#database.destroy();
  }
}
