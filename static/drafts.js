/**
 * What has been written and not been sent, by conversation: kept in the browser for one user.
 *
 * All tabs share what was written last. What somebody has typed in this tab is this tab's own besides: no other
 * tab replaces it. An empty text in place of the shared one says that this has been sent.
 */

import { keysWith, read, remove, write } from "./lib/storage.js";

const PREFIX = "messenger.unsent.";

export class Drafts {
  #prefix;
  #signal;
  /** @type {Map<string, string>} typed in this tab, by conversation; empty: it was deleted here */
  #own = new Map();
  /** @type {Set<string>} conversations whose field shows what somebody is typing in another tab */
  #followed = new Set();

  /**
   * @param {string} userId
   * @param {AbortSignal} signal when it aborts, other tabs are not listened to any more
   */
  constructor(userId, signal) {
    this.#prefix = `${PREFIX}${userId}.`;
    this.#signal = signal;
    for (const [key, text] of ownWith(this.#prefix)) this.#own.set(key.slice(this.#prefix.length), text);
  }

  /** @param {string} conversationId */
  get(conversationId) {
    return this.#own.get(conversationId) ?? this.#shared(conversationId);
  }

  /**
   * Somebody has typed it here.
   * @param {string} conversationId
   * @param {string} text
   */
  set(conversationId, text) {
    const key = this.#prefix + conversationId;
    this.#followed.delete(conversationId);
    const isShared = this.#own.get(conversationId) === this.#shared(conversationId);
    this.#keep(conversationId, text);
    if (text !== "") write(key, text);
    else if (isShared) remove(key);
  }

  /**
   * Whether somebody wants `text` to be sent from here: not what another tab has changed meanwhile, and what is
   * being typed there only when it is asked for twice.
   * @param {string} conversationId
   * @param {string} text as it stands in the field
   */
  maySend(conversationId, text) {
    const isSame = this.get(conversationId) === text;
    const isFollowed = this.#followed.delete(conversationId);
    return isSame && !isFollowed;
  }

  /**
   * It is in the outbox now.
   * @param {string} conversationId
   * @param {string} text
   */
  sent(conversationId, text) {
    this.#keep(conversationId, null);
    if (this.#shared(conversationId) === text) write(this.#prefix + conversationId, "");
  }

  /**
   * Calls `show` with what another tab has made of it, where nobody has typed anything else here.
   * @param {string} conversationId
   * @param {(text: string) => void} show
   * @param {AbortSignal} signal
   */
  follow(conversationId, show, signal) {
    const hear = (/** @type {StorageEvent} */ { key, oldValue, newValue }) => {
      if (key !== this.#prefix + conversationId || this.#signal.aborted) return;
      const isSame = this.#own.get(conversationId) === oldValue;
      if (newValue === "" && isSame) this.#keep(conversationId, null); // the same was sent there
      const isFree = !this.#own.get(conversationId);
      if (isFree && newValue) this.#followed.add(conversationId);
      if (isFree) show(this.get(conversationId));
      else if (!newValue) write(key, this.get(conversationId)); // what is written here is still unsent
    };
    addEventListener("storage", hear, { signal });
  }

  /** How many conversations have some. */
  get count() {
    const shared = keysWith(this.#prefix).map((key) => /** @type {const} */ ([key, read(key) ?? ""]));
    const own = [...this.#own].map(([id, text]) => /** @type {const} */ ([this.#prefix + id, text]));
    return [...new Map([...shared, ...own]).values()].filter((text) => text.trim() !== "").length;
  }

  async clear() {
    this.forget();
    for (const key of keysWith(this.#prefix)) remove(key);
  }

  /** What this tab alone has. */
  forget() {
    for (const id of [...this.#own.keys()]) this.#keep(id, null);
  }

  /** @param {string} conversationId */
  #shared(conversationId) {
    return read(this.#prefix + conversationId) ?? "";
  }

  /**
   * @param {string} conversationId
   * @param {string | null} text null: nothing has been typed
   */
  #keep(conversationId, text) {
    if (text === null) this.#own.delete(conversationId);
    else this.#own.set(conversationId, text);
    try {
      if (text) sessionStorage.setItem(this.#prefix + conversationId, text); // survives a reload of this tab
      else sessionStorage.removeItem(this.#prefix + conversationId);
    } catch {
      // it is in memory
    }
  }
}

/** @param {string} prefix */
function ownWith(prefix) {
  try {
    return Object.entries(sessionStorage).filter(([key]) => key.startsWith(prefix));
  } catch {
    return [];
  }
}
