/**
 * <jump-button data-way="up" data-count="3"></jump-button>: a button over a list that scrolls to messages out of sight.
 * `data-way` is "up", to the first unread message, or "down", to the newest. `data-count` is the number of messages.
 */

import { el } from "../lib/dom.js";
import { words } from "../words.js";

const MOST = 999; // the server counts no further

const WAYS = {
  up: { arrow: "↑", counted: words.conversation.unreadAbove, plain: words.conversation.toUnread },
  down: { arrow: "↓", counted: words.conversation.newBelow, plain: words.conversation.toNewest },
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
    const text = count > 0 ? `${counted(count > MOST ? `${MOST}+` : `${count}`)} ${arrow}` : arrow;
    if (this.#button.textContent === text) return;
    this.#button.textContent = text;
    if (count > 0) this.#button.removeAttribute("aria-label");
    else this.#button.setAttribute("aria-label", plain);
  }
}

customElements.define("jump-button", JumpButton);
