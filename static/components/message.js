/** Draws one line of a conversation into its list item. */

import { el } from "../lib/dom.js";
import { icon } from "../lib/icon.js";
import { pathOfMessage } from "../lib/ids.js";
import { clockTime, fullTime } from "../lib/time.js";
import { words } from "../words.js";
import { messageText } from "./message-text.js";

/** @typedef {import("./context.js").Context["outbox"]} Outbox */

/**
 * @param {HTMLElement} item
 * @param {import("./rows.js").DayLine} line
 */
export function drawDay(item, { day }) {
  item.className = "day";
  if (item.textContent !== day) item.replaceChildren(day);
}

/** @param {HTMLElement} item */
export function drawUnread(item) {
  if (item.className === "unread") return;
  item.className = "unread";
  item.replaceChildren(words.conversation.newMessages);
}

/**
 * @param {HTMLElement} item
 * @param {import("./rows.js").MessageLine} line
 * @param {string} name of the author, for screen readers
 */
export function drawMessage(item, { message, first, last, seen }, name) {
  const state = `${message.id} ${first} ${last} ${seen} ${name}`;
  if (item.dataset.state === state) return;
  const isThere = item.dataset.state?.startsWith(`${message.id} `);
  item.className = classes("message", message.mine ? "mine" : "theirs", first && "first", last && "last");
  if (!isThere) fill(item, message, fullTime(message.createdAt), el("span", { class: "state" }, timeOf(message)));
  drawAuthor(item, message.mine ? words.message.you : words.message.by(name));
  const corner = /** @type {Element} */ (item.lastElementChild);
  corner.querySelector(".seen")?.remove();
  if (seen) corner.append(sign("seen", words.message.seen));
  item.dataset.state = state;
}

/**
 * @param {HTMLElement} item
 * @param {import("./rows.js").DraftLine} line
 * @param {Outbox} outbox
 */
export function drawDraft(item, { draft, first, last }, outbox) {
  const state = `draft ${draft.failure} ${first} ${last}`;
  if (item.dataset.state === state) return;
  const isSending = draft.failure === null;
  item.className = classes("message mine", first && "first", last && "last", isSending ? "sending" : "failed");
  fill(item, draft, null, isSending ? sending(draft) : failure(draft, outbox));
  drawAuthor(item, words.message.you);
  item.dataset.state = state;
}

/**
 * Fills an item. Keeps an unchanged text, because a screen reader reads a replaced one again.
 * @param {HTMLElement} item
 * @param {{content: string, createdAt: string}} message
 * @param {string | null} title
 * @param {Element} corner for the corner of the bubble
 */
function fill(item, { content, createdAt }, title, corner) {
  const there = item.querySelector(".content");
  if (there instanceof HTMLElement && there.textContent === content) {
    if (title !== null) there.setAttribute("title", title);
    there.dataset.time = clockTime(createdAt);
    item.lastElementChild?.replaceWith(corner);
  } else {
    const [bubble, ...below] = messageText(content, title);
    bubble.classList.toggle("wide", RIGHT_TO_LEFT.test(content));
    bubble.dataset.time = clockTime(createdAt);
    item.replaceChildren(el("span", { class: "visually-hidden author" }), bubble, ...below, corner);
  }
}

// A line of these letters may end in the corner, so the time goes below them.
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}\u202b\u202e\u2067]/u;

/** @param {import("../types.js").Draft} draft */
const sending = ({ createdAt }) => el("span", { class: "state" }, clockTime(createdAt), sign("clock", words.message.sending));

/**
 * An icon, and a word for screen readers.
 * @param {"clock" | "seen"} name
 * @param {string} word
 */
const sign = (name, word) => el("span", { class: name === "seen" ? "seen" : "pending", title: word }, icon(name), el("span", { class: "visually-hidden" }, ` ${word}`));

/**
 * @param {HTMLElement} item
 * @param {string} author
 */
function drawAuthor(item, author) {
  const place = item.querySelector(".author");
  if (place && place.textContent !== author) place.textContent = author;
}

/**
 * The time, which is a link to the message. Only the latest is a tab stop; see message-list.js.
 * @param {import("../types.js").Message} message
 */
function timeOf({ id, conversationId, createdAt }) {
  const time = el("time", { datetime: createdAt, title: fullTime(createdAt) }, clockTime(createdAt));
  return el("a", { href: pathOfMessage(conversationId, id), class: "time", tabindex: "-1" }, time);
}

/**
 * @param {import("../types.js").Draft} draft
 * @param {Outbox} outbox
 */
function failure(draft, outbox) {
  const retry = el("button", { type: "button", class: "link" }, words.message.retry);
  const discard = el("button", { type: "button", class: "link" }, words.message.discard);
  retry.addEventListener("click", () => outbox.retry(draft));
  discard.addEventListener("click", () => outbox.discard(draft));
  const why = el("span", { role: "alert" }, words.message.notSent(draft.failure ?? ""));
  return el("span", { class: "state" }, why, el("span", { class: "ways" }, retry, discard));
}

/** @param {...(string | false)} names */
const classes = (...names) => names.filter(Boolean).join(" ");
