/**
 * Locks that the tabs of a browser share, as Web Locks have them. Browsers offer those over https and on this machine only; over
 * plain http:// to another one the tabs agree by a key in localStorage, and ask each other whether its holder is
 * still alive. Two tabs may then believe for a moment that they hold the same lock; one of them soon loses it.
 */

import { read, remove, write } from "./storage.js";
import { uuid } from "./uuid.js";

const PREFIX = "messenger.lock.";
const CHANNEL = "messenger.locks";
const SETTLE_MILLISECONDS = 50; // of tabs that take it at once, the last one has it
const ASK_MILLISECONDS = 2000; // between two questions whether the holder is alive
const ANSWER_MILLISECONDS = 1000;

/** @typedef {{signal?: AbortSignal, steal?: boolean}} Options */
/** @typedef {{type: "ask" | "alive", token: string}} Word */

class SharedLocks {
  /** @type {Map<string, string>} the key of each token that is held here, or about to be */
  #held = new Map();
  #changes = new EventTarget(); // an event for each key that has changed, and each token that has been answered for
  #channel = new BroadcastChannel(CHANNEL);

  constructor() {
    this.#channel.addEventListener("message", ({ data }) => this.#hear(data));
    addEventListener("storage", ({ key }) => key?.startsWith(PREFIX) && this.#changes.dispatchEvent(new Event(key)));
    addEventListener("pagehide", () => this.#held.forEach((_, token) => this.#release(token)));
  }

  /**
   * As LockManager.request: `work` is done while the lock is held; the promise is broken with an AbortError where
   * another tab steals it.
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
    this.#changes.dispatchEvent(new Event(key)); // this tab is not told of its own changes
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
   * Whether the event came, before the time was over or `signal` aborted.
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

/** @type {{request: SharedLocks["request"]} | null} null where tabs cannot agree on anything: each is on its own */
let locks = null;

/** Web Locks, or what stands in for them. */
export function sharedLocks() {
  if (globalThis.navigator?.locks) return navigator.locks;
  if (!locks && globalThis.BroadcastChannel && write(PREFIX, "")) locks = new SharedLocks();
  return locks;
}
