/**
 * <jump-button data-way="up" data-count="3"></jump-button>: over a list, a press of it leads to what is out of sight.
 * `data-way` is "up", to where the unread begin, or "down", to the newest; `data-count` is how much is there.
 */

import { el } from "../lib/dom.js";

const MOST = 999; // the server counts no further

const WAYS = {
  up: { arrow: "↑", counted: "unread", plain: "To where the unread begin" },
  down: { arrow: "↓", counted: "new", plain: "To the newest messages" },
};

class JumpButton extends HTMLElement {
  static observedAttributes = ["data-count"];
  #button = el("button", { type: "button" });

  connectedCallback() {
    this.replaceChildren(this.#button);
  }

  attributeChangedCallback() {
    const { arrow, counted, plain } = WAYS[this.dataset.way === "up" ? "up" : "down"];
    const count = Number(this.dataset.count);
    const text = count > 0 ? `${count > MOST ? `${MOST}+` : count} ${counted} ${arrow}` : arrow;
    if (this.#button.textContent === text) return;
    this.#button.textContent = text;
    if (count > 0) this.#button.removeAttribute("aria-label");
    else this.#button.setAttribute("aria-label", plain);
  }
}

customElements.define("jump-button", JumpButton);
