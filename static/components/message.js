/** Draws one line of a conversation into its list item. */

import { el, reconcile } from "../lib/dom.js";
import { beginning } from "../lib/pieces.js";
import { icon } from "../lib/icon.js";
import { pathOfMessage } from "../lib/ids.js";
import { nameOf, sentenceOf, summaryOf } from "../lib/names.js";
import { clockTime, fullTime } from "../lib/time.js";
import { words } from "../words.js";
import { avatar } from "./avatar.js";
import { messageText } from "./message-text.js";

/** @typedef {import("../types.js").Message} Message */
/** @typedef {import("../types.js").Reaction} Reaction */
/** @typedef {import("../types.js").User} User */
/** @typedef {import("./context.js").Context["outbox"]} Outbox */

/**
 * @typedef {object} Reader who reads, and in which conversation
 * @property {string | undefined} me the user's id
 * @property {(message: Message) => string} nameOf the author's name
 */

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
 * @param {Reader} reader
 */
export function drawMessage(item, { message, first, last, seen, isPending, repliedTo }, reader) {
  const { id, version = 1, mine, author, deletedAt, content } = message;
  const name = reader.nameOf(message);
  const isHead = first && !mine && author !== undefined;
  const text = `${id} ${version} ${Boolean(deletedAt)} ${isPending ? content : ""} `;
  const rare = message.reactions || message.replyToId ? JSON.stringify([message.reactions, repliedTo !== undefined, repliedTo]) : "";
  const state = `${text}${first} ${last} ${seen} ${isPending} ${isHead && author.avatarURL} ${name} ${rare}`;
  if (item.dataset.state === state) return;
  const isThere = item.dataset.state?.startsWith(text);
  item.className = classes("message", mine ? "mine" : "theirs", first && "first", last && "last", author !== undefined && !mine && "named");
  if (!isThere) fill(item, shownOf(message, reader.me), fullTime(message.createdAt), cornerOf(message));
  if (!item.hasAttribute("tabindex")) item.tabIndex = -1; // see message-list.js
  item.querySelector(".content")?.classList.toggle("deleted", Boolean(deletedAt));
  if (isHead) drawHead(authorIn(item), author);
  else drawAuthor(item, mine ? words.message.you : words.message.by(name));
  drawQuote(item, message, repliedTo, reader);
  drawReactions(item, message.reactions ?? []);
  const corner = /** @type {Element} */ (item.querySelector(":scope > .state"));
  for (const old of corner.querySelectorAll(".seen, .pending")) old.remove();
  if (isPending) corner.append(sign("clock", words.message.sending));
  else if (seen) corner.append(sign("seen", words.message.seen));
  item.dataset.state = state;
}

/**
 * What is shown of a message: its text, and the time in its corner. `call` is the user's name, as the text has it.
 * @typedef {{content: string, corner: string, call?: string}} Shown
 */

/**
 * @param {Message} message
 * @param {string | undefined} me
 * @returns {Shown}
 */
function shownOf({ content, createdAt, deletedAt, editedAt, mentions = [] }, me) {
  const time = clockTime(createdAt);
  if (deletedAt) return { content: words.message.deleted, corner: time };
  const call = mentions.find(({ userId }) => userId === me)?.username;
  return { content, corner: editedAt ? `${words.message.edited} ${time}` : time, call };
}

/** @param {Message} message */
function cornerOf(message) {
  const edited = message.editedAt ? el("span", { title: fullTime(message.editedAt) }, words.message.edited) : null;
  return el("span", { class: "state" }, edited, timeOf(message));
}

/**
 * @param {HTMLElement} item
 * @param {import("./rows.js").DraftLine} line
 * @param {Outbox} outbox
 * @param {Reader} reader
 */
export function drawDraft(item, { draft, first, last, repliedTo }, outbox, reader) {
  const state = `draft ${draft.failure} ${first} ${last} ${repliedTo?.id}`;
  if (item.dataset.state === state) return;
  const isSending = draft.failure === null;
  item.className = classes("message mine", first && "first", last && "last", isSending ? "sending" : "failed");
  fill(item, { content: draft.content, corner: clockTime(draft.createdAt) }, null, isSending ? sending(draft) : failure(draft, outbox));
  drawAuthor(item, words.message.you);
  drawQuote(item, draft, repliedTo, reader);
  item.dataset.state = state;
}

/**
 * Fills an item. Keeps an unchanged text, because a screen reader reads a replaced one again.
 * @param {HTMLElement} item
 * @param {Shown} shown
 * @param {string | null} title
 * @param {Element} corner for the corner of the bubble
 */
function fill(item, { content, corner: time, call }, title, corner) {
  const there = item.querySelector(".content");
  if (there instanceof HTMLElement && there.textContent === content && call === undefined) {
    if (title !== null) there.setAttribute("title", title);
    there.dataset.time = time;
    item.querySelector(":scope > .state")?.replaceWith(corner);
  } else {
    const [bubble, ...below] = messageText(content, title, call);
    bubble.classList.toggle("wide", RIGHT_TO_LEFT.test(content));
    bubble.dataset.time = time;
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

/** @param {HTMLElement} item */
const authorIn = (item) => /** @type {HTMLElement} */ (item.querySelector(":scope > .author"));

/**
 * Names the author for screen readers.
 * @param {HTMLElement} item
 * @param {string} author
 */
function drawAuthor(item, author) {
  const place = authorIn(item);
  place.className = "visually-hidden author";
  if (place.textContent !== author) place.textContent = author;
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

const LONGEST_QUOTE = 200; // characters, more than one line shows

/**
 * Shows the author above the first message of a run.
 * @param {HTMLElement} place
 * @param {User} author
 */
function drawHead(place, author) {
  place.className = "author head";
  place.replaceChildren(avatar(author), el("bdi", { class: "name" }, nameOf(author)), el("span", { class: "visually-hidden" }, words.message.says));
}

/**
 * Shows the message that a reply answers, on one line. It keeps its place while the message loads.
 * @param {HTMLElement} item
 * @param {{conversationId: string, replyToId?: string | null, deletedAt?: string | null}} reply
 * @param {Message | null | undefined} repliedTo null: the user can't see it; undefined: not known
 * @param {Reader} reader
 */
function drawQuote(item, { conversationId, replyToId, deletedAt }, repliedTo, reader) {
  const there = item.querySelector(":scope > .quote");
  if (!replyToId || deletedAt) return there?.remove();
  const said = el("span", { class: "visually-hidden" }, words.message.repliedTo);
  const quote =
    repliedTo === null
      ? el("span", { class: "quote" }, said, el("span", { class: "deleted" }, words.message.hidden))
      : el("a", { class: "quote", href: pathOfMessage(conversationId, replyToId), tabindex: "-1" }, said, ...quoted(repliedTo, reader));
  if (there) there.replaceWith(quote);
  else item.querySelector(":scope > .author")?.after(quote);
}

/**
 * @param {Message | undefined} message
 * @param {Reader} reader
 */
function quoted(message, reader) {
  if (!message) return [words.message.earlier];
  const name = message.mine ? words.message.yourself : reader.nameOf(message);
  const isDeleted = Boolean(message.deletedAt);
  const text = isDeleted ? words.message.deleted : beginning(message.content, LONGEST_QUOTE);
  return [el("bdi", { class: "name" }, name), " ", el("bdi", { class: isDeleted ? "deleted" : null }, text)];
}

/**
 * Shows reactions as buttons, which stay while their numbers change. Screen readers do not announce changes.
 * @param {HTMLElement} item
 * @param {Reaction[]} reactions
 */
function drawReactions(item, reactions) {
  const there = item.querySelector(":scope > .reactions");
  if (reactions.length === 0) return there?.remove();
  const list = there ?? el("ul", { class: "reactions", "aria-label": words.message.reactions, "aria-live": "off" });
  if (!there) item.append(list);
  reconcile(list, reactions, ({ emoji }) => emoji, drawChip);
}

/**
 * @param {Reaction} reaction
 * @param {HTMLElement} item
 */
function drawChip({ emoji, count, mine }, item) {
  const button = item.querySelector("button") ?? el("button", { type: "button", tabindex: "-1" }, el("span", { class: "emoji" }, emoji), " ", el("span", {}));
  const number = /** @type {Element} */ (button.lastElementChild);
  button.dataset.emoji = emoji;
  button.setAttribute("aria-pressed", `${mine}`);
  button.setAttribute("aria-label", words.message.reaction(emoji, count, mine));
  if (number.textContent !== `${count}`) number.textContent = `${count}`;
  if (!button.parentNode) item.append(button);
}

/**
 * Draws what happened to a group: one notice, or several that are folded into a line.
 * @param {HTMLElement} item
 * @param {import("./rows.js").NoticesLine} line
 * @param {string | undefined} me the user's id
 */
export function drawNotices(item, { notices }, me) {
  const sentences = notices.map((message) => sentenceOf(message, me));
  const state = JSON.stringify(sentences);
  if (item.dataset.state === state) return;
  item.dataset.state = state;
  item.className = "notices";
  const told = notices.map(({ createdAt }, n) => el("p", { dir: "auto", title: fullTime(createdAt) }, sentences[n]));
  if (told.length === 1) return item.replaceChildren(...told);
  const isOpen = item.querySelector("details")?.open ?? false;
  const summary = el("summary", {}, summaryOf(notices.map(({ notice }) => notice)));
  item.replaceChildren(el("details", { open: isOpen }, summary, ...told));
}
