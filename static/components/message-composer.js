/**
 * <message-composer></message-composer> with `conversationId`: the field for a new message, for a reply, or for another
 * text of a message. It may be in the page, with space for one line, before it is defined.
 */

import { words as actWords } from "../act-words.js";
import * as later from "../later-api.js";
import * as api from "../api.js";
import { actIcon } from "../lib/act-icons.js";
import { actsFor } from "../lib/acts.js";
import { codePoints, contentOf, LONGEST_CONTENT } from "../lib/content.js";
import { el } from "../lib/dom.js";
import { beginAnew, insertText } from "../lib/editing.js";
import { beginning } from "../lib/pieces.js";
import { icon } from "../lib/icon.js";
import { countBefore } from "../lib/ids.js";
import { belongsToComposition } from "../lib/keys.js";
import { authorOf } from "../lib/names.js";
import { shownAs } from "../state/intents.js";
import { Component, make } from "./context.js";
import { MentionSuggestions } from "./mention-suggestions.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").Message} Message */

const WARN_BELOW = 400; // code points left
const LONGEST_QUOTE = 200; // characters, more than one line shows
const TYPING_MILLISECONDS = 3000; // the server tells others no more often
const MOST_TOLD = 50; // members; in larger groups, nobody is told who types
const QUIET_MILLISECONDS = 1000; // screen readers read the count after a pause in typing, not at each key

export class MessageComposer extends Component {
  /** @type {string} */
  conversationId = /** @type {any} */ (this).conversationId;
  #stoodEmpty = this.isConnected; // before it was defined
  #text = el("textarea", {
    id: "message",
    rows: "1",
    dir: "auto",
    placeholder: words.composer.placeholder,
    "aria-label": words.composer.label,
    "aria-describedby": "message-counter",
  });
  #emoji = el("button", { type: "button", class: "quiet smile", "aria-label": words.composer.emoji, "aria-expanded": "false" }, icon("smile"));
  #counter = el("span", { id: "message-counter", class: "counter", "aria-hidden": "true" });
  #said = el("span", { class: "visually-hidden", role: "status" });
  #button = el("button", { type: "submit", class: "send", "aria-label": words.composer.send, title: words.composer.send }, icon("send"));
  #saying = 0;
  #strip = el("div", { class: "strip", hidden: true });
  /** @type {Message | null} the message that gets another text */
  #edited = null;
  #repliedTo = ""; // the id of the message that was asked for
  #toldAt = -Infinity; // when the others were told that the user is typing
  /** @type {MentionSuggestions | null} */
  #mentions = null;

  connected() {
    const field = el("div", { class: "field" }, this.#text, this.#emoji, this.#button);
    this.#mentions = new MentionSuggestions(this.#text, (name, signal) => this.#people(name, signal), this.gone);
    const form = el("form", { class: "composer" }, this.#counter, this.#said, this.#strip, field, this.#mentions.list);
    this.replaceChildren(form);
    const options = { signal: this.gone };
    form.addEventListener("submit", (event) => this.#submit(event), options);
    this.#text.addEventListener("input", () => this.#written(), options);
    this.#text.addEventListener("keydown", (event) => this.#key(event), options);
    this.#text.setAttribute("enterkeyhint", sendsByEnter() ? "send" : "enter");
    this.#emoji.addEventListener("click", () => this.#toggleEmoji(), options);
    this.gone.addEventListener("abort", () => clearTimeout(this.#saying));
    this.context.drafts.follow(this.conversationId, () => this.#show(), this.gone);
    this.context.drafts.followReply(this.conversationId, () => this.#drawStrip(), this.gone);
    this.context.store.subscribe(() => this.#drawStrip(), this.gone);
    this.#show();
    this.#focus();
  }

  /**
   * Begins a reply to a message, or an edit of it.
   * @param {{act: "reply" | "edit", message: Message, content?: string}} asked with the text to begin with, if it is not the message's
   */
  begin({ act, message, content = message.content }) {
    if (this.#edited) this.#endEdit();
    if (act === "reply") this.context.drafts.setReplyTo(this.conversationId, message.id);
    else this.#edit(message, content);
    this.#drawStrip();
    this.#draw();
    this.#text.focus();
  }

  /**
   * The draft stays in the browser's storage meanwhile.
   * @param {Message} message
   * @param {string} content
   */
  #edit(message, content) {
    this.#edited = message;
    beginAnew(this.#text, content);
    this.#text.setSelectionRange(content.length, content.length);
  }

  /** Ends the edit. A text that the user has changed stays in the field, unless there is a draft. */
  #endEdit() {
    const written = this.#text.value;
    const isChanged = written !== this.#edited?.content && written.trim() !== "";
    this.#edited = null;
    const draft = this.context.drafts.get(this.conversationId);
    if (draft === "" && isChanged) this.context.drafts.set(this.conversationId, written);
    this.#show();
    this.#drawStrip();
  }

  /** Ends the edit, or the reply, whose text stays. */
  #end() {
    if (this.#edited) return this.#endEdit();
    this.context.drafts.setReplyTo(this.conversationId, null);
    this.#drawStrip();
  }

  /** Edits the user's latest message. Returns whether there is one that can be edited. */
  #editLatest() {
    const { threads, intents, me } = this.context.store.state;
    const last = threads[this.conversationId]?.messages.findLast((message) => message.mine && !message.notice && !message.deletedAt);
    const message = last && shownAs(last, intents[last.id], me?.id);
    if (!message || !actsFor(message, { isAdmin: false, now: Date.now() }).includes("edit")) return false;
    this.begin({ act: "edit", message });
    return true;
  }

  /** Takes the focus, except on phones, where a keyboard would open, or if another element has it. */
  #focus() {
    const isElsewhere = this.#stoodEmpty && document.activeElement !== document.body;
    if (matchMedia("(hover: hover)").matches && !isElsewhere) this.#text.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (belongsToComposition(event) || this.#mentions?.key(event)) return;
    if (event.key === "Escape" && !this.#strip.hidden) {
      event.preventDefault();
      this.#end();
    }
    const isPlain = !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "ArrowUp" && isPlain && this.#text.value === "" && this.#editLatest()) event.preventDefault();
    if (event.key !== "Enter") return;
    const isAsked = event.ctrlKey || event.metaKey; // a device with a touch screen may have a keyboard
    if (isAsked || (!event.shiftKey && sendsByEnter())) this.#submit(event);
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    const written = this.#text.value;
    const content = contentOf(written);
    if (this.#edited) return this.#save(this.#edited, content);
    if (!this.context.drafts.maySend(this.conversationId, written)) return this.#show();
    if (content === "" || codePoints(content) > LONGEST_CONTENT) return;
    const replyTo = this.context.drafts.replyTo(this.conversationId) ?? undefined;
    const kept = this.context.outbox.send(this.conversationId, content, replyTo);
    this.context.drafts.setReplyTo(this.conversationId, null);
    this.#toldAt = -Infinity;
    this.#drawStrip();
    const forget = () => this.context.drafts.sent(this.conversationId, written);
    if (kept === true) forget();
    else kept.then(() => this.#text.value === "" && forget()); // the draft stays until the message is stored
    beginAnew(this.#text, "");
    this.#draw();
    this.#text.focus();
  }

  /**
   * @param {Message} message
   * @param {string} content
   */
  #save(message, content) {
    if (content === "" || codePoints(content) > LONGEST_CONTENT) return;
    if (content !== message.content) this.context.intents?.want(message, { kind: "edit", content, version: message.version ?? 1 });
    this.#edited = null;
    this.#show();
    this.#drawStrip();
    this.#text.focus();
  }

  /** Shows the stored draft, from this tab or another one. */
  #show() {
    if (this.#edited) return;
    const text = this.context.drafts.get(this.conversationId);
    if (this.#text.value !== text) beginAnew(this.#text, text);
    this.#draw();
  }

  #written() {
    if (!this.#edited) {
      this.context.drafts.set(this.conversationId, this.#text.value);
      this.#tellTyping();
    }
    this.#draw();
  }

  /** Tells the others that the user is typing, every few seconds. */
  #tellTyping() {
    const now = performance.now();
    const { connection } = this.context.store.state;
    const isLarge = (this.#conversation?.group?.memberCount ?? 0) > MOST_TOLD;
    if (now - this.#toldAt < TYPING_MILLISECONDS || isLarge || connection !== "live" || this.#text.value.trim() === "") return;
    this.#toldAt = now;
    later.tellTyping(this.conversationId).catch((error) => this.context.refused(error));
  }

  get #conversation() {
    const { entries } = this.context.store.state;
    return entries?.find(({ conversation }) => conversation.id === this.conversationId)?.conversation;
  }

  /**
   * People who can be called by `@name`.
   * @param {string} name its beginning
   * @param {AbortSignal} signal
   */
  async #people(name, signal) {
    const { me } = this.context.store.state;
    const conversation = this.#conversation;
    const other = conversation?.otherParticipant;
    if (other) return other.username.toLowerCase().startsWith(name.toLowerCase()) ? [other] : [];
    const members = name === "" ? (await later.members(this.conversationId)).body : await later.membersNamed(this.conversationId, name, signal);
    return members.map(({ user }) => user).filter(({ id }) => id !== me?.id);
  }

  /** Shows which message is answered or edited. */
  #drawStrip() {
    const replyTo = this.context.drafts.replyTo(this.conversationId);
    const message = this.#edited ?? (replyTo ? this.#messageOf(replyTo) : null);
    const state = JSON.stringify([Boolean(this.#edited), replyTo, message]);
    if (this.#strip.dataset.state === state) return;
    this.#strip.dataset.state = state;
    const isEmpty = message === null && !this.#edited;
    if (isEmpty && this.#strip.contains(document.activeElement)) this.#text.focus();
    this.#strip.hidden = isEmpty;
    const label = this.#edited ? actWords.composer.save : words.composer.send;
    this.#button.setAttribute("aria-label", label);
    this.#button.title = label;
    this.#strip.replaceChildren(...(isEmpty ? [] : this.#stripParts(message)));
  }

  /** @param {Message | null | undefined} message undefined: it is not loaded */
  #stripParts(message) {
    const isEdit = this.#edited !== null;
    const name = message?.mine ? actWords.composer.yourself : message ? authorOf(message, this.#conversation) : "";
    const title = isEdit ? actWords.composer.editing : actWords.composer.replying(name);
    const text = message?.deletedAt ? words.message.deleted : beginning(message?.content ?? "", LONGEST_QUOTE);
    const label = isEdit ? actWords.composer.cancelEdit : actWords.composer.cancelReply;
    const cancel = el("button", { type: "button", class: "icon-button", "aria-label": label, title: label }, actIcon("close"));
    cancel.addEventListener("click", () => {
      this.#end();
      this.#text.focus();
    });
    return [actIcon(isEdit ? "edit" : "reply"), el("p", { role: "status" }, el("bdi", { class: "name" }, title), " ", el("bdi", {}, text)), cancel];
  }

  /**
   * The message that the draft answers; undefined while it loads, null if the user can't see it.
   * @param {string} id
   * @returns {Message | null | undefined}
   */
  #messageOf(id) {
    const { threads, windows, targets } = this.context.store.state;
    for (const { messages } of [threads[this.conversationId], windows[this.conversationId]].filter(Boolean)) {
      const found = messages[countBefore(messages, id)];
      if (found?.id === id) return found;
    }
    if (!(id in targets)) this.#fetch(id);
    return targets[id];
  }

  /** @param {string} id */
  async #fetch(id) {
    if (this.#repliedTo === id || this.context.store.state.connection !== "live") return;
    this.#repliedTo = id;
    try {
      this.context.store.dispatch({ type: "target", id, message: await api.message(this.conversationId, id) });
    } catch (error) {
      this.context.refused(error);
      this.#repliedTo = "";
      const isHidden = error instanceof api.ApiProblem && error.code === "not_found";
      if (isHidden) this.context.drafts.setReplyTo(this.conversationId, null);
    }
  }

  #draw() {
    const content = contentOf(this.#text.value);
    const left = LONGEST_CONTENT - codePoints(content);
    this.#count(left);
    const isSendable = left >= 0 && content !== "";
    if (!isSendable && document.activeElement === this.#button) this.#text.focus();
    this.#button.disabled = !isSendable;
    this.#grow();
  }

  /** @param {number} left */
  #count(left) {
    const counter = left > WARN_BELOW ? "" : left < 0 ? words.composer.over(-left) : words.composer.left(left);
    if (this.#counter.textContent === counter) return;
    this.#counter.textContent = counter;
    this.#counter.classList.toggle("over", left < 0);
    this.#text.setAttribute("aria-invalid", `${left < 0}`);
    clearTimeout(this.#saying);
    this.#saying = setTimeout(() => (this.#said.textContent = counter), QUIET_MILLISECONDS);
  }

  /** Fits the height to the text, up to the limit in the style sheet. */
  #grow() {
    const borders = this.#text.offsetHeight - this.#text.clientHeight;
    this.#text.style.blockSize = "auto";
    this.#text.style.blockSize = `${this.#text.scrollHeight + borders}px`;
  }

  async #toggleEmoji() {
    if (this.querySelector("emoji-picker")) return this.#closeEmoji(true);
    await import("./emoji-picker.js"); // few messages have an emoji
    if (this.gone.aborted || this.querySelector("emoji-picker")) return;
    const given = {
      context: this.context,
      opener: this.#emoji,
      picked: (/** @type {string} */ emoji) => this.#insert(emoji),
      closed: (/** @type {boolean} */ goBack) => this.#closeEmoji(goBack),
    };
    this.#emoji.after(make("emoji-picker", given));
    this.#emoji.setAttribute("aria-expanded", "true");
  }

  /** @param {boolean} goBack */
  #closeEmoji(goBack) {
    this.#emoji.setAttribute("aria-expanded", "false");
    this.querySelector("emoji-picker")?.remove();
    if (goBack) this.#text.focus();
  }

  /** @param {string} emoji */
  #insert(emoji) {
    this.#closeEmoji(true);
    insertText(this.#text, emoji);
  }
}

/** Whether Enter sends. On touch screens Enter begins a line, because their keyboards have no Shift+Enter. */
const sendsByEnter = () => !matchMedia("(hover: none) and (pointer: coarse)").matches;

customElements.define("message-composer", MessageComposer);
