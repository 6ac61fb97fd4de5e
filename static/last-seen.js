/**
 * What the user saw last: the list, and the last page of each conversation. The browser stores it until the user signs
 * out. The page shows it while the server cannot be reached.
 */

import { Database } from "./lib/database.js";
import { WHO } from "./lib/ids.js";
import { read } from "./lib/storage.js";

/** @typedef {import("./types.js").Conversation} Conversation */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").User} User */
/**
 * @typedef {{user: User, conversations: Conversation[], threads: Record<string, Message[]>}} Seen
 * @typedef {{key: string, value: any}} Part
 */

const VERSION = 1; // a change of shape gets the next number, and a case in `upgrade`
const STORE = "seen";
const THREAD = "thread ";
const PAUSE_MILLISECONDS = 1000; // changes within this time are written together
const LONGEST_LIST = 100;
const LONGEST_THREAD = 50;

/** The beginning of the databases' names; traces.js deletes those of other users. */
export const PREFIX = "messenger.seen.";

export class LastSeen {
  #userId;
  #database;
  /** @type {Map<string, unknown>} what has been written, by key */
  #written = new Map();

  /** @param {string} userId */
  constructor(userId) {
    this.#userId = userId;
    this.#database = new Database(PREFIX + userId, VERSION, upgrade);
  }

  /** @returns {Promise<Seen | null>} null if there is nothing, or the storage fails */
  async read() {
    /** @type {Part[]} */
    const parts = await this.#database.ask(STORE, "readonly", (store) => store.getAll()).catch(() => []);
    const found = new Map(parts.map(({ key, value }) => [key, value]));
    if (!found.has("user") || !found.has("conversations")) return null;
    const threads = parts.filter(({ key }) => key.startsWith(THREAD)).map(({ key, value }) => [key.slice(THREAD.length), value]);
    return { user: found.get("user"), conversations: found.get("conversations"), threads: Object.fromEntries(threads) };
  }

  /**
   * Stores what the user sees, until `signal` aborts.
   * @param {import("./store.js").Store} store
   * @param {AbortSignal} signal
   */
  keep(store, signal) {
    let timer = 0;
    const write = () => {
      clearTimeout(timer);
      timer = 0;
      if (!signal.aborted) this.#write(store.state);
    };
    store.subscribe(() => (timer ||= setTimeout(write, PAUSE_MILLISECONDS)), signal);
    addEventListener("pagehide", write, { signal });
    signal.addEventListener("abort", () => clearTimeout(timer));
  }

  clear() {
    return this.#database.destroy();
  }

  /** Writes changed parts, unless the page may show old data. @param {State} state */
  #write(state) {
    if (state.connection !== "live" || read(WHO) !== this.#userId) return;
    const changed = this.#parts(state).filter(({ key, source }) => this.#written.get(key) !== source);
    if (changed.length === 0) return;
    for (const { key, source } of changed) this.#written.set(key, source);
    const put = (/** @type {IDBObjectStore} */ store) => changed.map(({ key, value }) => store.put({ key, value: value() }))[0];
    this.#database.ask(STORE, "readwrite", put).catch(() => this.#written.clear());
  }

  /** @param {State} state */
  #parts({ me, entries, threads }) {
    if (!me || !entries) return [];
    const listed = entries.slice(0, LONGEST_LIST).map(({ conversation }) => conversation);
    const parts = [
      { key: "user", source: /** @type {unknown} */ (me), value: () => /** @type {unknown} */ (me) },
      { key: "conversations", source: entries, value: () => listed },
    ];
    for (const { id } of listed) {
      const thread = threads[id];
      if (thread) parts.push({ key: THREAD + id, source: thread, value: () => thread.messages.slice(-LONGEST_THREAD) });
    }
    return parts;
  }
}

/** Reads what the signed-in user saw last, according to the id in localStorage. */
export async function readLastSeen() {
  const userId = read(WHO);
  const seen = userId ? await new LastSeen(userId).read() : null;
  return read(WHO) === userId ? seen : null;
}

/** @param {IDBDatabase} database */
function upgrade(database) {
  database.createObjectStore(STORE, { keyPath: "key" });
}
