/** The outbox's database: unsent messages of one user, which survive a reload and a crash. */

import { Database } from "./lib/database.js";
import { read, remove, write } from "./lib/storage.js";

/** @typedef {import("./types.js").Draft} Draft */

const VERSION = 1; // a change of shape gets the next number, and a case in `upgrade`
const DRAFTS = "drafts";
const BY_CLIENT_ID = "clientId";

/**
 * An IndexedDB. Its keys ascend in the order in which all tabs added messages. Each promise resolves when the change
 * is on the disk, and rejects if the browser stores nothing.
 */
export class OutboxStore {
  #database;
  #discarded; // the key that is set until a requested `clear` is done

  /** @param {string} userId */
  constructor(userId) {
    this.#database = new Database(`messenger.outbox.${userId}`, VERSION, upgrade);
    this.#discarded = `messenger.outbox.discarded.${userId}`;
  }

  /** @returns {Promise<Draft[]>} in the order in which they were added */
  all() {
    return this.#ask("readonly", (drafts) => drafts.getAll());
  }

  /** @param {Draft} draft may be in the store already */
  add(draft) {
    return this.#find(draft.clientId, (drafts, key) => key === undefined && drafts.add(draft));
  }

  /** @param {Draft} draft replaces the one with its client id, if there is one */
  replace(draft) {
    return this.#change(draft.clientId, (drafts, key) => drafts.put(draft, key));
  }

  /** @param {Draft} draft moves behind all others, if it is still in the store */
  requeue(draft) {
    return this.#change(draft.clientId, (drafts, key) => {
      drafts.delete(key);
      drafts.add(draft);
    });
  }

  /**
   * Adds drafts behind all others, even if they are in the store already.
   * @param {Draft[]} drafts in their order
   */
  restore(drafts) {
    return this.#ask("readwrite", (store) => {
      const [first] = drafts.map((draft) => {
        const found = store.index(BY_CLIENT_ID).getKey(draft.clientId);
        found.addEventListener("success", () => {
          if (found.result !== undefined) store.delete(found.result);
          store.add(draft);
        });
        return found;
      });
      return first;
    });
  }

  /** @param {string} clientId */
  remove(clientId) {
    return this.#change(clientId, (drafts, key) => drafts.delete(key));
  }

  /** Deletes all drafts. If the database does not answer now, before the next access. */
  async clear() {
    write(this.#discarded, "1");
    await this.#discard();
  }

  async #discard() {
    await this.#database.ask(DRAFTS, "readwrite", (drafts) => drafts.clear());
    remove(this.#discarded);
  }

  /**
   * @param {string} clientId
   * @param {(drafts: IDBObjectStore, key: IDBValidKey) => void} change
   */
  #change(clientId, change) {
    return this.#find(clientId, (drafts, key) => key !== undefined && change(drafts, key));
  }

  /**
   * @param {string} clientId
   * @param {(drafts: IDBObjectStore, key: IDBValidKey | undefined) => void} act
   */
  #find(clientId, act) {
    return this.#ask("readwrite", (drafts) => {
      const found = drafts.index(BY_CLIENT_ID).getKey(clientId);
      found.addEventListener("success", () => act(drafts, found.result));
      return found;
    });
  }

  /**
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {(drafts: IDBObjectStore) => IDBRequest<T>} act
   */
  async #ask(mode, act) {
    if (read(this.#discarded)) await this.#discard();
    return this.#database.ask(DRAFTS, mode, act);
  }
}

/** @param {IDBDatabase} database */
function upgrade(database) {
  const drafts = database.createObjectStore(DRAFTS, { autoIncrement: true });
  drafts.createIndex(BY_CLIENT_ID, BY_CLIENT_ID, { unique: true });
}
