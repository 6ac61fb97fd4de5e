/** <message-composer></message-composer> with `conversationId`: where a message is written. */

import { el } from "../lib/dom.js";
import { Component } from "./context.js";

const LONGEST_CONTENT = 4000; // code points, as the server counts them
const WARN_AT = 3600;

class MessageComposer extends Component {
  conversationId = "";
  #text = el("textarea", {
    id: "message",
    rows: "1",
    dir: "auto",
    placeholder: "Write a message",
    "aria-label": "Message",
    "aria-describedby": "message-counter",
    enterkeyhint: "send",
  });
  #counter = el("span", { id: "message-counter", class: "counter", "aria-live": "polite" });
  #button = el("button", { type: "submit" }, "Send");

  connected() {
    const form = el("form", { class: "composer" }, this.#text, this.#counter, this.#button);
    this.replaceChildren(form);
    const options = { signal: this.gone };
    form.addEventListener("submit", (event) => this.#submit(event), options);
    this.#text.addEventListener("input", () => this.#written(), options);
    this.#text.addEventListener("keydown", (event) => this.#key(event), options);
    this.#text.value = this.context.unsent.get(this.conversationId);
    this.#draw();
    if (matchMedia("(hover: hover)").matches) this.#text.focus(); // no keyboard jumps up on phones
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#submit(event);
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    const content = this.#text.value.trim();
    if (content === "" || length(content) > LONGEST_CONTENT) return;
    this.context.outbox.send(this.conversationId, content);
    this.#text.value = "";
    this.#written();
    this.#text.focus();
  }

  #written() {
    this.context.unsent.set(this.conversationId, this.#text.value);
    this.#draw();
  }

  #draw() {
    const content = this.#text.value.trim();
    const left = LONGEST_CONTENT - length(content);
    const counter = left > LONGEST_CONTENT - WARN_AT ? "" : left < 0 ? `${-left} too many` : `${left} left`;
    if (this.#counter.textContent !== counter) this.#counter.textContent = counter;
    this.#counter.classList.toggle("over", left < 0);
    this.#button.disabled = left < 0 || content === "";
    this.#grow();
  }

  /** As tall as what is written, up to what the style sheet allows. */
  #grow() {
    const borders = this.#text.offsetHeight - this.#text.clientHeight;
    this.#text.style.blockSize = "auto";
    this.#text.style.blockSize = `${this.#text.scrollHeight + borders}px`;
  }
}

/** @param {string} text */
const length = (text) => [...text].length;

customElements.define("message-composer", MessageComposer);
