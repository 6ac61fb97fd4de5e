/**
 * <message-composer></message-composer> with `conversationId`: the field for a new message. It may be in the page, with
 * space for one line, before it is defined.
 */

import { codePoints, contentOf, LONGEST_CONTENT } from "../lib/content.js";
import { el } from "../lib/dom.js";
import { beginAnew, insertText } from "../lib/editing.js";
import { icon } from "../lib/icon.js";
import { belongsToComposition } from "../lib/keys.js";
import { Component, make } from "./context.js";
import { words } from "../words.js";

const WARN_BELOW = 400; // code points left
const QUIET_MILLISECONDS = 1000; // screen readers read the count after a pause in typing, not at each key

class MessageComposer extends Component {
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

  connected() {
    const field = el("div", { class: "field" }, this.#text, this.#emoji, this.#button);
    const form = el("form", { class: "composer" }, this.#counter, this.#said, field);
    this.replaceChildren(form);
    const options = { signal: this.gone };
    form.addEventListener("submit", (event) => this.#submit(event), options);
    this.#text.addEventListener("input", () => this.#written(), options);
    this.#text.addEventListener("keydown", (event) => this.#key(event), options);
    this.#text.setAttribute("enterkeyhint", sendsByEnter() ? "send" : "enter");
    this.#emoji.addEventListener("click", () => this.#toggleEmoji(), options);
    this.gone.addEventListener("abort", () => clearTimeout(this.#saying));
    this.context.drafts.follow(this.conversationId, () => this.#show(), this.gone);
    this.#show();
    this.#focus();
  }

  /** Takes the focus, except on phones, where a keyboard would open, or if another element has it. */
  #focus() {
    const isElsewhere = this.#stoodEmpty && document.activeElement !== document.body;
    if (matchMedia("(hover: hover)").matches && !isElsewhere) this.#text.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (belongsToComposition(event) || event.key !== "Enter") return;
    const isAsked = event.ctrlKey || event.metaKey; // a device with a touch screen may have a keyboard
    if (isAsked || (!event.shiftKey && sendsByEnter())) this.#submit(event);
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    const written = this.#text.value;
    const content = contentOf(written);
    if (!this.context.drafts.maySend(this.conversationId, written)) return this.#show();
    if (content === "" || codePoints(content) > LONGEST_CONTENT) return;
    const kept = this.context.outbox.send(this.conversationId, content);
    const forget = () => this.context.drafts.sent(this.conversationId, written);
    if (kept === true) forget();
    else kept.then(() => this.#text.value === "" && forget()); // the draft stays until the message is stored
    beginAnew(this.#text, "");
    this.#draw();
    this.#text.focus();
  }

  /** Shows the stored draft, from this tab or another one. */
  #show() {
    const text = this.context.drafts.get(this.conversationId);
    if (this.#text.value !== text) beginAnew(this.#text, text);
    this.#draw();
  }

  #written() {
    this.context.drafts.set(this.conversationId, this.#text.value);
    this.#draw();
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
