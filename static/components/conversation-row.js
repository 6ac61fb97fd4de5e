/** One row of the list of conversations. It is updated in place, so that a pressed element stays until it is released. */

import { el } from "../lib/dom.js";
import { pathOfConversation } from "../lib/ids.js";
import { beginning } from "../lib/graphemes.js";
import { fullTime, shortTime } from "../lib/time.js";
import { words } from "../words.js";
import { avatar } from "./avatar.js";
import { nameOf } from "../lib/names.js";

/** @typedef {import("../types.js").Conversation} Conversation */
/**
 * The data of a row. A change of any field but `now` draws it again; `times` changes with the day.
 * @typedef {{conversation: Conversation, current: boolean, times: string, now: Date}} Row
 */

const LONGEST_PREVIEW = 200; // characters, more than one line shows
const ALIKE = /** @type {const} */ (["conversation", "current", "times"]);

class RowParts {
  link = el("a");
  #name = el("bdi", { class: "name" });
  #time = el("time");
  #prefix = document.createTextNode("");
  #text = el("bdi");
  #preview = el("span", { class: "preview" }, this.#prefix, this.#text);
  #badge = el("span", { class: "badge" });
  #unread = el("span", { class: "visually-hidden" }, words.conversations.unread);
  /** @type {Row | null} */
  #drawn = null;

  /** @param {Row} row */
  draw(row) {
    const before = this.#drawn;
    if (before && ALIKE.every((name) => before[name] === row[name])) return;
    const { otherParticipant: other, hasUnreadMessages } = row.conversation;
    if (other !== before?.conversation.otherParticipant) this.#drawOther(other);
    this.link.setAttribute("href", pathOfConversation(row.conversation.id));
    this.link.classList.toggle("unread", hasUnreadMessages);
    if (row.current) this.link.setAttribute("aria-current", "page");
    else this.link.removeAttribute("aria-current");
    this.#drawLast(row);
    this.#drawCount(row.conversation.unreadCount);
    this.#drawn = row;
  }

  /** @param {import("../types.js").User} other */
  #drawOther(other) {
    this.link.querySelector(".avatar")?.remove();
    setText(this.#name, nameOf(other));
    this.link.prepend(avatar(other), this.#name);
  }

  /** Puts the prefix into a separate element, so that it does not affect the direction of the text. @param {Row} row */
  #drawLast({ conversation: { lastMessage }, now }) {
    if (!this.#preview.parentNode) this.link.append(this.#preview);
    setText(this.#prefix, lastMessage ? (lastMessage.mine ? words.conversations.you : "") : words.conversations.noMessages);
    setText(this.#text, beginning(lastMessage?.content ?? "", LONGEST_PREVIEW));
    if (!lastMessage) return this.#time.remove();
    const at = lastMessage.createdAt;
    this.#time.dateTime = at;
    this.#time.title = fullTime(at);
    setText(this.#time, shortTime(at, now));
    if (!this.#time.parentNode) this.#preview.before(this.#time);
  }

  /** @param {number} count */
  #drawCount(count) {
    setText(this.#badge, count > 999 ? "999+" : `${count}`);
    if (count === 0) [this.#badge, this.#unread].forEach((part) => part.remove());
    else if (!this.#badge.parentNode) this.link.append(this.#badge, this.#unread);
  }
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
