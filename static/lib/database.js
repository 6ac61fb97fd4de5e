/**
 * An IndexedDB with time-outs. A request without an answer fails. A connection that has failed is dropped, and the next
 * access opens a new one.
 */

const PATIENCE_MILLISECONDS = 3000; // a slow phone needs a second or two to open its storage
const SILENT_PATIENCE_MILLISECONDS = 100; // after a request without an answer, until one succeeds
const LATE_MILLISECONDS = 10_000; // a connection that takes longer never opens

export class Database {
  #name;
  #version;
  #upgrade;
  /** @type {Promise<IDBDatabase> | null} */
  #connection = null;
  #opening = 0; // when it began to open; 0: it is not opening
  #patience = PATIENCE_MILLISECONDS;

  /**
   * @param {string} name
   * @param {number} version
   * @param {(database: IDBDatabase, from: number) => void} upgrade converts the stores from version `from` to `version`; 0: there are none
   */
  constructor(name, version, upgrade) {
    this.#name = name;
    this.#version = version;
    this.#upgrade = upgrade;
  }

  /**
   * Runs `act` in a transaction. Runs it once more if the first connection failed.
   * @template T
   * @param {string} store
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest<T>} act
   * @returns {Promise<T>} the result, once the change is on the disk
   */
  async ask(store, mode, act) {
    const connection = this.#connected();
    try {
      return await this.#once(connection, store, mode, act);
    } catch (error) {
      if (isTimeout(error)) throw error;
      if (connection === this.#connection) this.#drop();
      return this.#once(this.#connected(), store, mode, act);
    }
  }

  /** Deletes the database. Resolves even if the browser does not answer. */
  async destroy() {
    this.#drop();
    await this.#answer(new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(this.#name);
      for (const end of ["success", "blocked"]) request.addEventListener(end, resolve);
      request.addEventListener("error", () => reject(request.error));
    }));
  }

  /** The open connection, or a new one if there is none or it takes too long to open. */
  #connected() {
    const isLate = this.#opening && Date.now() - this.#opening > LATE_MILLISECONDS;
    if (isLate) this.#drop();
    if (this.#connection) return this.#connection;
    this.#opening = Date.now();
    const connection = this.#opened();
    this.#connection = connection;
    const end = () => connection === this.#connection && (this.#opening = 0);
    connection.then(end, () => connection === this.#connection && this.#drop());
    return connection;
  }

  /**
   * @template T
   * @param {Promise<IDBDatabase>} connected
   * @param {string} store
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest<T>} act
   * @returns {Promise<T>}
   */
  async #once(connected, store, mode, act) {
    const connection = await this.#answer(connected);
    const transaction = connection.transaction(store, mode, { durability: "strict" });
    return this.#answer(committed(transaction, act(transaction.objectStore(store)))).catch((error) => {
      if (isTimeout(error) && connected === this.#connection) this.#drop();
      abort(transaction);
      throw error;
    });
  }

  /** @returns {Promise<IDBDatabase>} */
  #opened() {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open(this.#name, this.#version);
      request.addEventListener("upgradeneeded", ({ oldVersion }) => this.#upgrade(request.result, oldVersion));
      request.addEventListener("error", () => reject(request.error));
      request.addEventListener("success", () => {
        const connection = request.result;
        connection.addEventListener("versionchange", () => connection.close()); // a newer page or a sign-out needs it closed
        resolve(connection);
      });
    });
  }

  /** Closes a connection, also one that opens late: an open one would block deleting the database. */
  #drop() {
    this.#connection?.then((connection) => connection.close(), () => {});
    this.#connection = null;
    this.#opening = 0;
  }

  /**
   * @template T
   * @param {Promise<T>} promise
   * @returns {Promise<T>}
   */
  #answer(promise) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#patience = SILENT_PATIENCE_MILLISECONDS;
        reject(new DOMException("The browser's storage does not answer.", "TimeoutError"));
      }, this.#patience);
      const end = () => {
        clearTimeout(timer);
        this.#patience = PATIENCE_MILLISECONDS;
      };
      promise.finally(end).then(resolve, reject);
    });
  }
}

/**
 * @template T
 * @param {IDBTransaction} transaction
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function committed(transaction, request) {
  return new Promise((resolve, reject) => {
    transaction.addEventListener("complete", () => resolve(request.result));
    transaction.addEventListener("abort", () => reject(transaction.error ?? new DOMException("Aborted.", "AbortError")));
  });
}

/** @param {IDBTransaction} transaction */
function abort(transaction) {
  try {
    transaction.abort();
  } catch {
    // it has ended already
  }
}

/** @param {unknown} error */
const isTimeout = (error) => error instanceof DOMException && error.name === "TimeoutError";
