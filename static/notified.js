/** Which messages a notification has been shown for: in this browser, for one user, told once to whichever tab asks first. */

import { Database } from "./lib/database.js";
import { steps } from "./lib/ids.js";

/** @typedef {{id: string}} Event of the feed, where ids ascend */

const VERSION = 1;
const STORE = "told";
const UP_TO = "up to";

/** The databases' names begin so. */
export const PREFIX = "messenger.notified.";

export class Notified {
  #database;

  /** @param {string} userId */
  constructor(userId) {
    this.#database = new Database(PREFIX + userId, VERSION, (database) => database.createObjectStore(STORE));
  }

  /**
   * Those that no tab has taken before, and that are this one's now. A tab hears events in their order, so that
   * whoever took a later one has seen to those before it. Where the browser keeps nothing, all of them: twice told
   * is better than never.
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
