/**
 * Messages that are not in the outbox's database yet. Storing them there takes a few milliseconds, and the page may
 * end before that. `put` writes this journal before it returns; the next start reads it.
 */

import { keysWith, read, remove, write } from "./lib/storage.js";

/** @typedef {import("./types.js").Draft} Draft */
/** @typedef {{version: 1, order: number, draft: Draft}} Line the value of each key, as JSON */

const VERSION = 1;

export class Journal {
  #prefix;
  #last = 0;

  /** @param {string} userId */
  constructor(userId) {
    this.#prefix = `messenger.journal.${userId}.`;
  }

  /** @returns {Draft[]} of all tabs, in the order of `put` */
  all() {
    return this.#lines().sort((a, b) => a.order - b.order).map(({ draft }) => draft);
  }

  /**
   * Adds a draft. Returns false if the storage is full or switched off.
   * @param {Draft} draft
   */
  put(draft) {
    this.#last = Math.max(Date.now(), this.#last + 1, ...this.#lines().map(({ order }) => order + 1));
    const line = { version: VERSION, order: this.#last, draft };
    return write(this.#prefix + draft.clientId, JSON.stringify(line));
  }

  /** Whether the journal still has it. @param {Draft} draft */
  has({ clientId }) {
    return read(this.#prefix + clientId) !== null;
  }

  /** @param {Draft} draft */
  remove({ clientId }) {
    remove(this.#prefix + clientId);
  }

  clear() {
    for (const key of keysWith(this.#prefix)) remove(key);
  }

  /**
   * Calls `act` when another tab has added a draft.
   * @param {() => void} act
   * @param {AbortSignal} signal
   */
  watch(act, signal) {
    const hear = (/** @type {StorageEvent} */ { key, newValue }) => key?.startsWith(this.#prefix) && newValue && act();
    addEventListener("storage", hear, { signal });
  }

  /** Ignores entries in the format of a later release. @returns {Line[]} */
  #lines() {
    return keysWith(this.#prefix).flatMap((key) => {
      const line = parsed(read(key) ?? "");
      return line?.version === VERSION ? [line] : [];
    });
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
