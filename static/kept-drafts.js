/** Messages on their way, kept in this browser for one user: they survive a reload, and a crash. */

/** @typedef {import("./types.js").Draft} Draft */

const DRAFTS = "drafts";
const BY_CLIENT_ID = "clientId";
const PATIENCE_MILLISECONDS = 5000; // with a storage that is broken, or held by a tab that hangs

/**
 * In an IndexedDB, whose keys ascend in the order in which drafts were added, by whatever tab. Each
 * promise is kept once the change is on the disk, and broken where the browser keeps nothing.
 */
export class KeptDrafts {
  #name;
  /** @type {Promise<IDBDatabase> | null} */
  #database = null;

  /** @param {string} userId */
  constructor(userId) {
    this.#name = `messenger.outbox.${userId}`;
  }

  /** @returns {Promise<Draft[]>} in the order in which they were added */
  all() {
    return this.#ask("readonly", (drafts) => drafts.getAll());
  }

  /** @param {Draft} draft */
  add(draft) {
    return this.#ask("readwrite", (drafts) => drafts.add(draft));
  }

  /** @param {Draft} draft in the place of the one with its client id, if that is still there */
  replace(draft) {
    return this.#change(draft.clientId, (drafts, key) => drafts.put(draft, key));
  }

  /** @param {Draft} draft behind all others, if the one with its client id is still there */
  requeue(draft) {
    return this.#change(draft.clientId, (drafts, key) => {
      drafts.delete(key);
      drafts.add(draft);
    });
  }

  /** @param {string} clientId */
  remove(clientId) {
    return this.#change(clientId, (drafts, key) => drafts.delete(key));
  }

  clear() {
    return this.#ask("readwrite", (drafts) => drafts.clear());
  }

  /**
   * @param {string} clientId
   * @param {(drafts: IDBObjectStore, key: IDBValidKey) => void} change
   */
  #change(clientId, change) {
    return this.#ask("readwrite", (drafts) => {
      const found = drafts.index(BY_CLIENT_ID).getKey(clientId);
      found.addEventListener("success", () => found.result !== undefined && change(drafts, found.result));
      return found;
    });
  }

  /**
   * @param {IDBTransactionMode} mode
   * @param {(drafts: IDBObjectStore) => IDBRequest} act
   * @returns {Promise<any>} what was asked for
   */
  async #ask(mode, act) {
    try {
      return await done(await this.#opened(), mode, act);
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "InvalidStateError") throw error;
      this.#database = null; // the browser had closed it
      return done(await this.#opened(), mode, act);
    }
  }

  #opened() {
    this.#database ??= opened(this.#name);
    return this.#database;
  }
}

/**
 * @param {IDBDatabase} database
 * @param {IDBTransactionMode} mode
 * @param {(drafts: IDBObjectStore) => IDBRequest} act
 */
function done(database, mode, act) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(DRAFTS, mode, { durability: "strict" });
    const request = act(transaction.objectStore(DRAFTS));
    const timer = setTimeout(() => transaction.abort(), PATIENCE_MILLISECONDS);
    transaction.addEventListener("complete", () => resolve(request.result));
    transaction.addEventListener("abort", () => reject(transaction.error ?? timedOut()));
    for (const end of ["complete", "abort"]) transaction.addEventListener(end, () => clearTimeout(timer));
  });
}

/**
 * @param {string} name
 * @returns {Promise<IDBDatabase>}
 */
function opened(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.addEventListener("upgradeneeded", () => {
      const drafts = request.result.createObjectStore(DRAFTS, { autoIncrement: true });
      drafts.createIndex(BY_CLIENT_ID, BY_CLIENT_ID, { unique: true });
    });
    request.addEventListener("success", () => {
      const database = request.result;
      database.addEventListener("versionchange", () => database.close()); // a later page wants it
      resolve(database);
    });
    request.addEventListener("error", () => reject(request.error));
    setTimeout(() => reject(timedOut()), PATIENCE_MILLISECONDS);
  });
}

const timedOut = () => new DOMException("The storage does not answer.", "TimeoutError");
