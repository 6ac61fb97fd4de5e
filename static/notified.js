/** Which messages a notification has been shown for: in this browser, for one user, told once to whichever tab asks first. */

import { steps } from "./lib/ids.js";

/** @typedef {{id: string}} Event of the feed, where ids ascend */

const STORE = "told";
const UP_TO = "up to";

export class Notified {
  #name;
  /** @type {Promise<IDBDatabase | null>} null: the browser keeps nothing */
  #database;

  /** @param {string} userId */
  constructor(userId) {
    this.#name = `messenger.notified.${userId}`;
    this.#database = opened(this.#name).catch(() => null);
  }

  /**
   * Those that no tab has taken before, and that are this one's now. A tab hears events in their order, so that
   * whoever took a later one has seen to those before it.
   * @template {Event} E
   * @param {E[]} events in the order of the feed
   * @returns {Promise<E[]>}
   */
  async claim(events) {
    const database = await this.#database;
    if (database === null) return events;
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, "readwrite");
      const store = transaction.objectStore(STORE);
      const upTo = store.get(UP_TO);
      /** @type {E[]} */
      let news = [];
      upTo.addEventListener("success", () => {
        news = events.filter(({ id }) => upTo.result === undefined || !(steps(upTo.result, id) <= 0));
        const last = news.at(-1);
        if (last) store.put(last.id, UP_TO);
      });
      transaction.addEventListener("complete", () => resolve(news));
      transaction.addEventListener("abort", () => reject(transaction.error));
    });
  }

  async clear() {
    (await this.#database)?.close();
    indexedDB.deleteDatabase(this.#name);
  }
}

/**
 * @param {string} name
 * @returns {Promise<IDBDatabase>}
 */
function opened(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.addEventListener("upgradeneeded", () => request.result.createObjectStore(STORE));
    request.addEventListener("error", () => reject(request.error));
    request.addEventListener("success", () => {
      request.result.addEventListener("versionchange", () => request.result.close()); // another tab signs out
      resolve(request.result);
    });
  });
}
