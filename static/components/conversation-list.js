/**
 * <conversation-list></conversation-list>: the conversations, latest first, with unread counts. While a pointer hovers
 * or presses, the order stays, so that no row moves from under a finger.
 */

import * as api from "../api.js";
import { el, onceAFrame, onceAtATime, reconcile } from "../lib/dom.js";
import { beginning } from "../lib/pieces.js";
import { pathOfConversation, placeAt } from "../lib/ids.js";
import { authorOf, nameOfConversation, sentenceOf } from "../lib/names.js";
import { fullTime, presentTime, shortTime, whenTimesChange } from "../lib/time.js";
import { listed } from "../state/lists.js";
import { words } from "../words.js";
import { pictureOf } from "./avatar.js";
import { Component } from "./context.js";

/** @typedef {import("../types.js").Conversation} Conversation */
/** @typedef {import("../types.js").Entry} Entry */
/** @typedef {import("../types.js").Message} Message */

const SETTLE_MILLISECONDS = 350; // a click follows a little after the finger is lifted

class ConversationList extends Component {
  #list = el("ul", { class: "conversations" });
  #empty = el("p", { class: "empty", hidden: true }, words.conversations.empty);
  #more = el("button", { type: "button", class: "quiet more", hidden: true }, words.conversations.more);
  #drawSoon = onceAFrame(() => this.#draw());
  #isOver = false;
  #isPressed = false;
  #settling = 0;
  #timesDrawn = 0; // increases when all times must be drawn again

  connected() {
    this.replaceChildren(el("nav", { "aria-label": words.conversations.label }, this.#list, this.#empty, this.#more));
    this.#more.addEventListener("click", () => onceAtATime(this.#more, () => this.#loadMore()), { signal: this.gone });
    this.#watchPointer();
    this.context.store.subscribe(() => this.#changed(), this.gone);
    addEventListener("popstate", () => this.#draw(), { signal: this.gone });
    whenTimesChange(() => this.#drawAnew(), this.gone);
  }

  #watchPointer() {
    const options = { signal: this.gone };
    this.addEventListener("pointerenter", () => (this.#isOver = true), options);
    this.addEventListener("pointerdown", () => (this.#isPressed = true), options);
    this.addEventListener("pointerleave", () => this.#settle(() => (this.#isOver = false)), options);
    const lift = () => this.#isPressed && this.#settle(() => (this.#isPressed = false));
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, lift, options);
  }

  /** @param {() => void} change */
  #settle(change) {
    change();
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.#settling = 0;
      this.#drawSoon();
    }, SETTLE_MILLISECONDS);
  }

  get #rests() {
    return this.#isOver || this.#isPressed || this.#settling !== 0;
  }

  #changed() {
    if (this.#list.firstChild) this.#drawSoon();
    else this.#draw();
  }

  #draw() {
    if (this.gone.aborted) return;
    const { state } = this.context.store;
    const { moreEntries } = state;
    const entries = listed(state);
    this.#empty.hidden = entries === null || entries.length > 0;
    this.#more.hidden = moreEntries === null;
    const now = presentTime((entries ?? []).map(({ conversation }) => conversation.lastMessage?.createdAt ?? ""));
    const times = `${now.toDateString()} ${this.#timesDrawn}`;
    const { conversationId } = placeAt(location.pathname);
    reconcile(
      this.#list,
      this.#rests ? this.#asTheyStand(entries ?? []) : (entries ?? []),
      ({ conversation }) => conversation.id,
      ({ conversation }, item) => drawRow(item, { conversation, current: conversation.id === conversationId, times, now, me: state.me?.id }),
    );
  }

  /** Sorts entries into the drawn order. New ones go below. @param {Entry[]} entries */
  #asTheyStand(entries) {
    const places = new Map([...this.#list.children].map((item, n) => [item.getAttribute("data-key"), n]));
    const place = (/** @type {Entry} */ { conversation }) => places.get(conversation.id) ?? places.size;
    return entries.toSorted((one, other) => place(one) - place(other));
  }

  #drawAnew() {
    this.#timesDrawn += 1;
    this.#draw();
  }

  async #loadMore() {
    const link = this.context.store.state.moreEntries;
    if (!link) return;
    const known = this.#list.children.length;
    try {
      const snapshot = await api.conversations(link);
      this.context.store.dispatch({ type: "conversations", snapshot, older: true });
    } catch (error) {
      return this.context.refused(error);
    }
    const isHere = document.activeElement === this.#more;
    this.#draw();
    if (isHere && this.#more.hidden) this.#list.children[known]?.querySelector("a")?.focus({ preventScroll: true });
  }
}

/**
 * The data of a row. A change of any field but `now` draws it again; `times` changes with the day.
 * @typedef {{conversation: Conversation, current: boolean, times: string, now: Date, me: string | undefined}} Row
 */

const LONGEST_PREVIEW = 200; // characters, more than one line shows
const ALIKE = /** @type {const} */ (["conversation", "current", "times"]);

/** One row, updated in place, so that a pressed element stays until it is released. */
class RowParts {
  link = el("a");
  #name = el("bdi", { class: "name" });
  #time = el("time");
  #prefix = document.createTextNode("");
  #text = el("bdi");
  #preview = el("span", { class: "preview" }, this.#prefix, this.#text);
  #badge = el("span", { class: "badge" });
  #unread = el("span", { class: "visually-hidden" }, words.conversations.unread);
  #mentioned = el(
    "span",
    { class: "calls", title: words.conversations.mentioned },
    el("span", { "aria-hidden": "true" }, "@"),
    el("span", { class: "visually-hidden" }, words.conversations.mentionedToo),
  );
  #badges = el("span", { class: "badges" });
  /** @type {Row | null} */
  #drawn = null;

  /** @param {Row} row */
  draw(row) {
    const before = this.#drawn;
    if (before && ALIKE.every((name) => before[name] === row[name])) return;
    const { hasUnreadMessages, unreadMentionCount = 0 } = row.conversation;
    if (!before || isNamedAnew(before.conversation, row.conversation)) this.#drawName(row.conversation);
    this.link.setAttribute("href", pathOfConversation(row.conversation.id));
    this.link.classList.toggle("unread", hasUnreadMessages);
    if (row.current) this.link.setAttribute("aria-current", "page");
    else this.link.removeAttribute("aria-current");
    this.#drawLast(row);
    this.#drawCount(row.conversation.unreadCount, unreadMentionCount > 0);
    this.#drawn = row;
  }

  /** @param {Conversation} conversation */
  #drawName(conversation) {
    this.link.querySelector(".avatar")?.remove();
    setText(this.#name, nameOfConversation(conversation));
    this.link.prepend(pictureOf(conversation), this.#name);
  }

  /** Puts the prefix into a separate element, so that it does not affect the direction of the text. @param {Row} row */
  #drawLast({ conversation, now, me }) {
    const { lastMessage } = conversation;
    if (!this.#preview.parentNode) this.link.append(this.#preview);
    setText(this.#prefix, lastMessage ? prefixOf(lastMessage, conversation) : words.conversations.noMessages);
    setText(this.#text, lastMessage ? textOf(lastMessage, me) : "");
    this.#preview.classList.toggle("told", isTold(lastMessage));
    if (!lastMessage) return this.#time.remove();
    const at = lastMessage.createdAt;
    this.#time.dateTime = at;
    this.#time.title = fullTime(at);
    setText(this.#time, shortTime(at, now));
    if (!this.#time.parentNode) this.#preview.before(this.#time);
  }

  /**
   * @param {number} count
   * @param {boolean} isMentioned
   */
  #drawCount(count, isMentioned) {
    setText(this.#badge, count > 999 ? "999+" : `${count}`);
    if (count === 0) return this.#badges.remove();
    if (!this.#badge.parentNode) this.#badges.append(this.#badge, this.#unread);
    if (!isMentioned) this.#mentioned.remove();
    else if (!this.#mentioned.parentNode) this.#badges.append(this.#mentioned);
    if (!this.#badges.parentNode) this.link.append(this.#badges);
  }
}

/**
 * @param {Conversation} before
 * @param {Conversation} now
 */
const isNamedAnew = (before, now) => before.otherParticipant !== now.otherParticipant || before.group?.name !== now.group?.name;

/** Whether the page's own words are shown in place of someone's. @param {Message | null} message */
const isTold = (message) => Boolean(message?.notice || message?.deletedAt);

/**
 * @param {Message} message
 * @param {Conversation} conversation
 */
function prefixOf(message, conversation) {
  if (message.notice) return "";
  if (message.mine) return words.conversations.you;
  return conversation.group ? words.conversations.by(authorOf(message, conversation)) : "";
}

/**
 * @param {Message} message
 * @param {string | undefined} me
 */
function textOf(message, me) {
  const { notice } = message;
  if (notice) return sentenceOf({ ...message, notice }, me);
  return message.deletedAt ? words.message.deleted : beginning(message.content, LONGEST_PREVIEW);
}

/** @type {WeakMap<HTMLElement, RowParts>} */
const rows = new WeakMap();

/**
 * @param {HTMLElement} item
 * @param {Row} row
 */
export function drawRow(item, row) {
  const parts = rows.get(item) ?? new RowParts();
  rows.set(item, parts);
  parts.draw(row);
  if (parts.link.parentNode !== item) item.replaceChildren(parts.link);
}

/**
 * @param {Node} node
 * @param {string} text
 */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

customElements.define("conversation-list", ConversationList);
