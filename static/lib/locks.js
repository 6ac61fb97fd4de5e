/**
 * Locks that the tabs of a browser share, with the interface of Web Locks. Browsers have those only over https and on
 * this machine. Over http:// to another machine, the tabs use a key in localStorage, and ask each other whether its
 * holder still runs. Then two tabs may both hold a lock for a moment, until one of them loses it.
 */

import { read, remove, write } from "./storage.js";
import { uuid } from "./uuid.js";

const PREFIX = "messenger.lock.";
const CHANNEL = "messenger.locks";
const SETTLE_MILLISECONDS = 50; // if several tabs take it at once, the last one gets it
const ASK_MILLISECONDS = 2000; // between two checks of whether the holder runs
const ANSWER_MILLISECONDS = 1000;

/** @typedef {{signal?: AbortSignal, steal?: boolean}} Options */
/** @typedef {{type: "ask" | "alive", token: string}} Word */

class SharedLocks {
  /** @type {Map<string, string>} the keys by token of the locks that this tab holds or is taking */
  #held = new Map();
  #changes = new EventTarget(); // events for changed keys, and for tokens of running tabs
  #channel = new BroadcastChannel(CHANNEL);

  constructor() {
    this.#channel.addEventListener("message", ({ data }) => this.#hear(data));
    addEventListener("storage", ({ key }) => key?.startsWith(PREFIX) && this.#changes.dispatchEvent(new Event(key)));
    addEventListener("pagehide", () => this.#held.forEach((_, token) => this.#release(token)));
  }

  /**
   * Like LockManager.request: runs `work` while it holds the lock. The promise rejects with an AbortError if another
   * tab steals the lock.
   * @template T
   * @param {string} name
   * @param {Options} options
   * @param {() => T | Promise<T>} work
   * @returns {Promise<T>}
   */
  async request(name, options, work) {
    const [key, token, over] = [PREFIX + name, uuid(), new AbortController()];
    await this.#acquire(key, token, options);
    try {
      return await Promise.race([work(), this.#lost(key, token, over.signal)]);
    } finally {
      over.abort();
      this.#release(token);
    }
  }

  /**
   * @param {string} key
   * @param {string} token
   * @param {Options} options
   */
  async #acquire(key, token, { signal, steal = false }) {
    for (let isFree = steal; ; isFree = false) {
      signal?.throwIfAborted();
      const holder = read(key);
      if (!isFree && holder !== null && (await this.#isAlive(holder))) {
        await this.#change(key, ASK_MILLISECONDS, signal);
      } else if (isFree || read(key) === holder) {
        this.#held.set(token, key);
        write(key, token);
        await this.#change("settled", SETTLE_MILLISECONDS, signal);
        if (read(key) === token && !signal?.aborted) return;
        this.#release(token);
      }
    }
  }

  /** @param {string} token */
  #release(token) {
    const key = this.#held.get(token) ?? "";
    this.#held.delete(token);
    if (read(key) !== token) return;
    remove(key);
    this.#changes.dispatchEvent(new Event(key)); // a tab gets no storage event for its own changes
  }

  /**
   * @param {string} key
   * @param {string} token
   * @param {AbortSignal} over
   * @returns {Promise<never>}
   */
  #lost(key, token, over) {
    return new Promise((_, reject) => {
      const look = () => read(key) !== token && reject(new DOMException("Another tab has taken the lock.", "AbortError"));
      this.#changes.addEventListener(key, look, { signal: over });
    });
  }

  /** @param {string} token */
  async #isAlive(token) {
    if (this.#held.has(token)) return true;
    this.#say({ type: "ask", token });
    return this.#change(token, ANSWER_MILLISECONDS);
  }

  /** @param {Word} word */
  #hear({ type, token }) {
    if (type === "alive") this.#changes.dispatchEvent(new Event(token));
    else if (this.#held.has(token)) this.#say({ type: "alive", token });
  }

  /** @param {Word} word */
  #say(word) {
    this.#channel.postMessage(word);
  }

  /**
   * Resolves with whether the event came before the time was over or `signal` aborted.
   * @param {string} event
   * @param {number} milliseconds
   * @param {AbortSignal} [signal]
   * @returns {Promise<boolean>}
   */
  #change(event, milliseconds, signal) {
    return new Promise((resolve) => {
      const over = new AbortController();
      const end = (/** @type {boolean} */ came) => {
        over.abort();
        clearTimeout(timer);
        resolve(came);
      };
      const timer = setTimeout(() => end(false), milliseconds);
      this.#changes.addEventListener(event, () => end(true), { signal: over.signal });
      signal?.addEventListener("abort", () => end(false), { signal: over.signal });
    });
  }
}

/** @type {{request: SharedLocks["request"]} | null} null if tabs cannot communicate: each works alone */
let locks = null;

/** Web Locks, or their replacement. */
export function sharedLocks() {
  if (globalThis.navigator?.locks) return navigator.locks;
  if (!locks && globalThis.BroadcastChannel && write(PREFIX, "")) locks = new SharedLocks();
  return locks;
}
