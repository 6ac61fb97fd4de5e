/**
 * Drafts: unsent texts by conversation, stored in the browser for one user.
 *
 * All tabs share the text that was typed last. Text typed in this tab also stays in this tab, and no other tab
 * replaces it. An empty shared text means that the draft was sent.
 */

import { keysWith, read, remove, write } from "./lib/storage.js";

const PREFIX = "messenger.unsent.";
const REPLIES = "messenger.replying."; // the ids of the messages that drafts answer

export class Drafts {
  #prefix;
  #replies;
  #signal;
  /** @type {Map<string, string>} typed in this tab, by conversation; empty: the user deleted it */
  #own = new Map();
  /** @type {Set<string>} conversations with a field that shows another tab's text */
  #followed = new Set();

  /**
   * @param {string} userId
   * @param {AbortSignal} signal when it aborts, this ignores other tabs
   */
  constructor(userId, signal) {
    this.#prefix = `${PREFIX}${userId}.`;
    this.#replies = `${REPLIES}${userId}.`;
    this.#signal = signal;
    for (const [key, text] of ownWith(this.#prefix)) this.#own.set(key.slice(this.#prefix.length), text);
  }

  /** @param {string} conversationId */
  get(conversationId) {
    return this.#own.get(conversationId) ?? this.#shared(conversationId);
  }

  /** The id of the message that the draft answers. @param {string} conversationId */
  replyTo(conversationId) {
    return read(this.#replies + conversationId);
  }

  /**
   * @param {string} conversationId
   * @param {string | null} messageId null: the draft is no reply
   */
  setReplyTo(conversationId, messageId) {
    if (messageId === null) remove(this.#replies + conversationId);
    else write(this.#replies + conversationId, messageId);
  }

  /**
   * Calls `show` when another tab has changed whether the draft is a reply.
   * @param {string} conversationId
   * @param {() => void} show
   * @param {AbortSignal} signal
   */
  followReply(conversationId, show, signal) {
    addEventListener("storage", ({ key }) => key === this.#replies + conversationId && show(), { signal });
  }

  /**
   * Stores text that was typed in this tab.
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
   * Whether this tab may send `text`. False if another tab has changed it. False at the first attempt if another
   * tab is typing it.
   * @param {string} conversationId
   * @param {string} text the text in the field
   */
  maySend(conversationId, text) {
    const isSame = this.get(conversationId) === text;
    const isFollowed = this.#followed.delete(conversationId);
    return isSame && !isFollowed;
  }

  /**
   * Removes a draft that is in the outbox now.
   * @param {string} conversationId
   * @param {string} text
   */
  sent(conversationId, text) {
    this.#keep(conversationId, null);
    if (this.#shared(conversationId) === text) write(this.#prefix + conversationId, "");
  }

  /**
   * Calls `show` with another tab's text, unless this tab has a different one.
   * @param {string} conversationId
   * @param {(text: string) => void} show
   * @param {AbortSignal} signal
   */
  follow(conversationId, show, signal) {
    const hear = (/** @type {StorageEvent} */ { key, oldValue, newValue }) => {
      if (key !== this.#prefix + conversationId || this.#signal.aborted) return;
      const isSame = this.#own.get(conversationId) === oldValue;
      if (newValue === "" && isSame) this.#keep(conversationId, null); // another tab has sent the same text
      const isFree = !this.#own.get(conversationId);
      if (isFree && newValue) this.#followed.add(conversationId);
      if (isFree) show(this.get(conversationId));
      else if (!newValue) write(key, this.get(conversationId)); // this tab's text is still unsent
    };
    addEventListener("storage", hear, { signal });
  }

  /** The number of conversations with a draft. */
  get count() {
    const shared = keysWith(this.#prefix).map((key) => /** @type {const} */ ([key, read(key) ?? ""]));
    const own = [...this.#own].map(([id, text]) => /** @type {const} */ ([this.#prefix + id, text]));
    return [...new Map([...shared, ...own]).values()].filter((text) => text.trim() !== "").length;
  }

  async clear() {
    this.forget();
    for (const key of [...keysWith(this.#prefix), ...keysWith(this.#replies)]) remove(key);
  }

  /** Removes the drafts of this tab. */
  forget() {
    for (const id of [...this.#own.keys()]) this.#keep(id, null);
  }

  /** @param {string} conversationId */
  #shared(conversationId) {
    return read(this.#prefix + conversationId) ?? "";
  }

  /**
   * @param {string} conversationId
   * @param {string | null} text null: removes it
   */
  #keep(conversationId, text) {
    if (text === null) this.#own.delete(conversationId);
    else this.#own.set(conversationId, text);
    try {
      if (text) sessionStorage.setItem(this.#prefix + conversationId, text); // survives a reload of the tab
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
