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
    this.#text.addEventListener("input", () => this.#draw(), options);
    this.#text.addEventListener("keydown", (event) => this.#key(event), options);
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
    this.#draw();
    this.#text.focus();
  }

  #draw() {
    const left = LONGEST_CONTENT - length(this.#text.value.trim());
    this.#counter.textContent = left > LONGEST_CONTENT - WARN_AT ? "" : `${left}`;
    this.#counter.classList.toggle("over", left < 0);
    this.#button.disabled = left < 0 || this.#text.value.trim() === "";
    this.#text.style.blockSize = "auto";
    this.#text.style.blockSize = `${this.#text.scrollHeight + 2}px`;
  }
}

/** @param {string} text */
const length = (text) => [...text].length;

customElements.define("message-composer", MessageComposer);
