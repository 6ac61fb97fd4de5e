/** The database of what the user wants of messages, beside that of the outbox. It survives a reload. */

import { Database } from "./lib/database.js";

/** @typedef {import("./types.js").Intent} Intent */

const VERSION = 1; // a change of shape gets the next number, and a case in `upgrade`
const STORE = "intents";

/** An IndexedDB with one entry for each message. Each promise rejects if the browser stores nothing. */
export class IntentsStore {
  #database;

  /** @param {string} userId */
  constructor(userId) {
    this.#database = new Database(`messenger.intents.${userId}`, VERSION, upgrade);
  }

  /** @returns {Promise<Intent[]>} */
  all() {
    return this.#database.ask(STORE, "readonly", (store) => store.getAll());
  }

  /**
   * Changes the intent for a message, in one transaction for all tabs.
   * @param {string} messageId
   * @param {(intent: Intent | undefined) => Intent | null | undefined} change null and undefined: there is none any more
   */
  change(messageId, change) {
    return this.#database.ask(STORE, "readwrite", (store) => {
      const found = store.get(messageId);
      found.addEventListener("success", () => {
        const after = change(found.result);
        if (after) store.put(after);
        else store.delete(messageId);
      });
      return found;
    });
  }

  clear() {
    return this.#database.destroy();
  }
}

/** @param {IDBDatabase} database */
function upgrade(database) {
  database.createObjectStore(STORE, { keyPath: "messageId" });
}
