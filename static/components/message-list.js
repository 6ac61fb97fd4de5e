/** <message-list></message-list> with `conversationId`: what was said, oldest on top, and what is on its way. */

import * as api from "../api.js";
import { el, reconcile } from "../lib/dom.js";
import { clockTime, dayName, fullTime } from "../lib/time.js";
import { compareIds } from "../store.js";
import { Component } from "./context.js";

/** @typedef {import("../types.js").Draft} Draft */
/** @typedef {import("../types.js").Message} Message */
/** @typedef {import("../types.js").State} State */

const NEAR_PIXELS = 80; // from the end: closer than that, one is reading along
const TOGETHER_MILLISECONDS = 5 * 60 * 1000; // messages of one person within it are drawn as a group

/**
 * A line of the list: a day, a message, or a draft.
 * @typedef {{key: string, day: string} | {key: string, message: Message, grouped: boolean, seen: boolean} | {key: string, draft: Draft}} Line
 */

class MessageList extends Component {
  conversationId = "";
  #list = el("ol", { class: "messages", role: "log", "aria-label": "Messages", tabindex: "0" });
  #older = el("button", { type: "button", class: "quiet older", hidden: true }, "Load older messages");
  #scroller = el("div", { class: "scroller" }, this.#older, this.#list);
  #begun = false;
  #oldest = "";

  connected() {
    this.replaceChildren(this.#scroller);
    const options = { signal: this.gone };
    this.#older.addEventListener("click", () => this.#loadOlder(), options);
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), options);
    addEventListener("resize", () => this.#stick(true), options);
    this.context.store.subscribe((state) => this.#draw(state), this.gone);
  }

  /** @param {State} state */
  #draw(state) {
    const thread = state.threads[this.conversationId];
    if (!thread) return;
    const atEnd = !this.#begun || this.#isAtEnd();
    const lines = linesOf(state, this.conversationId);
    const fromEnd = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    this.#older.hidden = thread.older === null;
    reconcile(this.#list, lines, (line) => line.key, (line, known) => this.#line(line, known));
    const oldest = thread.messages[0]?.id ?? "";
    if (!atEnd && oldest !== this.#oldest) {
      this.#scroller.scrollTop = this.#scroller.scrollHeight - fromEnd; // older ones came in on top
    }
    this.#oldest = oldest;
    const own = lines.at(-1);
    this.#stick(atEnd || (own !== undefined && "draft" in own && own.draft.failure === null));
    this.#begun = true;
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_PIXELS;
  }

  /** @param {boolean} wanted */
  #stick(wanted) {
    if (wanted) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #scrolled() {
    if (this.#begun && this.#scroller.scrollTop < NEAR_PIXELS && !this.#older.hidden) this.#loadOlder();
  }

  async #loadOlder() {
    const link = this.context.store.state.threads[this.conversationId]?.older;
    if (!link || this.#older.disabled) return;
    this.#older.disabled = true;
    try {
      const snapshot = await api.messages(this.conversationId, link);
      if (this.gone.aborted) return;
      this.context.store.dispatch({ type: "messages", conversationId: this.conversationId, snapshot, older: true });
    } catch (error) {
      this.context.refused(error);
    } finally {
      this.#older.disabled = false;
    }
  }

  /**
   * @param {Line} line
   * @param {HTMLElement | null} known
   */
  #line(line, known) {
    const item = known ?? el("li");
    if ("day" in line) {
      item.className = "day";
      item.replaceChildren(line.day);
    } else if ("message" in line) {
      drawMessage(item, line.message, line.grouped, line.seen);
    } else {
      this.#drawDraft(item, line.draft);
    }
    return item;
  }

  /**
   * @param {HTMLElement} item
   * @param {Draft} draft
   */
  #drawDraft(item, draft) {
    item.className = draft.failure ? "message mine failed" : "message mine sending";
    const state = draft.failure ? this.#failure(draft) : el("span", { class: "state" }, "Sending…");
    item.replaceChildren(el("p", { class: "content", dir: "auto" }, draft.content), state);
  }

  /** @param {Draft} draft */
  #failure(draft) {
    const retry = el("button", { type: "button", class: "link" }, "Try again");
    const discard = el("button", { type: "button", class: "link" }, "Discard");
    retry.addEventListener("click", () => this.context.outbox.retry(draft));
    discard.addEventListener("click", () => this.context.outbox.discard(draft));
    return el("span", { class: "state", role: "alert" }, `Not sent: ${draft.failure} `, retry, " ", discard);
  }
}

/**
 * @param {HTMLElement} item
 * @param {Message} message
 * @param {boolean} grouped
 * @param {boolean} seen
 */
function drawMessage(item, message, grouped, seen) {
  const state = `${message.id} ${grouped} ${seen}`;
  if (item.dataset.state === state) return;
  item.dataset.state = state;
  item.className = ["message", message.mine ? "mine" : "theirs", grouped ? "grouped" : ""].join(" ").trim();
  item.replaceChildren(
    el("p", { class: "content", dir: "auto" }, message.content),
    el(
      "span",
      { class: "state" },
      el("time", { datetime: message.createdAt, title: fullTime(message.createdAt) }, clockTime(message.createdAt)),
      seen ? " · Seen" : null,
    ),
  );
}

/**
 * @param {State} state
 * @param {string} id
 * @returns {Line[]}
 */
function linesOf(state, id) {
  const { messages } = state.threads[id];
  const conversation = state.entries?.find((entry) => entry.conversation.id === id)?.conversation;
  const seenUpTo = conversation?.otherLastReadMessageId;
  const lastSeen = seenUpTo ? messages.findLast((m) => m.mine && compareIds(m.id, seenUpTo) <= 0)?.id : undefined;
  /** @type {Line[]} */
  const lines = [];
  let day = "";
  /** @type {Message | null} */
  let before = null;
  for (const message of messages) {
    const name = dayName(message.createdAt);
    if (name !== day) lines.push({ key: `day ${name}`, day: name });
    const grouped = name === day && before !== null && follows(before, message);
    lines.push({ key: message.clientId ?? message.id, message, grouped, seen: message.id === lastSeen });
    [day, before] = [name, message];
  }
  for (const draft of state.drafts.filter((d) => d.conversationId === id)) {
    lines.push({ key: draft.clientId, draft });
  }
  return lines;
}

/**
 * @param {Message} before
 * @param {Message} message
 */
function follows(before, message) {
  const apart = Date.parse(message.createdAt) - Date.parse(before.createdAt);
  return before.userId === message.userId && apart < TOGETHER_MILLISECONDS;
}

customElements.define("message-list", MessageList);
