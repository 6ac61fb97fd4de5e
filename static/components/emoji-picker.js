/**
 * <emoji-picker></emoji-picker> with `opener`, `picked` and `closed`: a few emoji in a grid, to find by a word, by
 * arrow keys or by pointer.
 */

import { el } from "../lib/dom.js";
import { emojiFor } from "../lib/emoji.js";
import { belongsToComposition } from "../lib/keys.js";
import { Component } from "./context.js";
import { words } from "../words.js";

const COLUMNS = 8; // as in the style sheet

class EmojiPicker extends Component {
  /** @type {(emoji: string) => void} */
  picked = () => {};
  /** @type {(goBack: boolean) => void} called with whether to move the focus back */
  closed = () => {};
  /** @type {Element | null} the button that opens and closes this */
  opener = null;
  #search = el("input", { type: "text", role: "searchbox", enterkeyhint: "done", placeholder: words.emoji.search, "aria-label": words.emoji.search, autocomplete: "off" });
  #grid = el("div", { class: "grid", role: "group", "aria-label": words.emoji.label });
  #none = el("p", { class: "hint", role: "status" });

  connected() {
    this.setAttribute("role", "dialog");
    this.setAttribute("aria-label", words.emoji.label);
    this.replaceChildren(this.#search, this.#grid, this.#none);
    const options = { signal: this.gone };
    this.#search.addEventListener("input", () => this.#draw(), options);
    this.addEventListener("keydown", (event) => this.#key(event), options);
    this.#grid.addEventListener("click", (event) => this.#clicked(event), options);
    document.addEventListener("pointerdown", ({ target }) => this.#elsewhere(target), options);
    this.addEventListener("focusout", ({ relatedTarget }) => this.#elsewhere(relatedTarget), options);
    this.#draw();
    this.#search.focus();
  }

  #draw() {
    const found = emojiFor(this.#search.value);
    this.#grid.replaceChildren(
      ...found.map(({ emoji, words }, index) =>
        el("button", { type: "button", tabindex: index === 0 ? "0" : "-1", "aria-label": words, title: words }, emoji),
      ),
    );
    this.#none.textContent = found.length === 0 ? words.emoji.none : "";
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (belongsToComposition(event)) return;
    const buttons = [.../** @type {NodeListOf<HTMLButtonElement>} */ (this.#grid.querySelectorAll("button"))];
    const at = buttons.findIndex((button) => button === document.activeElement);
    if (event.key === "Escape") this.closed(true);
    else if (event.key === "Enter" && at < 0) buttons.at(0)?.click();
    else if (at < 0 && event.key === "ArrowDown") this.#go(buttons.at(0));
    else if (at >= 0 && event.key === "ArrowUp" && at < COLUMNS) this.#search.focus();
    else if (at >= 0 && event.key in STEPS) this.#go(buttons[at + STEPS[event.key]]);
    else if (at >= 0 && event.key === "Home") this.#go(buttons.at(0));
    else if (at >= 0 && event.key === "End") this.#go(buttons.at(-1));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {HTMLButtonElement | undefined} button */
  #go(button) {
    if (!button) return;
    for (const other of this.#grid.querySelectorAll("button")) other.tabIndex = other === button ? 0 : -1;
    button.focus();
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    if (button) this.picked(button.textContent);
  }

  /** @param {EventTarget | null} target the target of a press or of the focus */
  #elsewhere(target) {
    if (target instanceof Node && !this.contains(target) && !this.opener?.contains(target)) this.closed(false);
  }
}

/** @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS };

customElements.define("emoji-picker", EmojiPicker);
