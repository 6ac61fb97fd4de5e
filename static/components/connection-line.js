/** <connection-line></connection-line>: says quietly when what one sees may be old. */

import { words } from "../words.js";
import { Component } from "./context.js";

/** @typedef {import("../types.js").Connection} Connection */

const GRACE_MILLISECONDS = 1500; // most reconnections are over before anyone could read of them

class ConnectionLine extends Component {
  #timer = 0;
  #shown = "";

  connected() {
    this.setAttribute("role", "status");
    this.context.store.subscribe(({ connection }) => this.#draw(connection), this.gone);
    for (const event of ["online", "offline"]) {
      addEventListener(event, () => this.dataset.status === "offline" && this.#show("offline"), { signal: this.gone });
    }
    this.gone.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** @param {Connection} status */
  #draw(status) {
    if (this.dataset.status === status) return;
    this.dataset.status = status;
    clearTimeout(this.#timer);
    if (status === "connecting") this.#timer = setTimeout(() => this.#show(status), GRACE_MILLISECONDS);
    else this.#show(status);
  }

  /** @param {Connection} status */
  #show(status) {
    const sentence = sentenceFor(status);
    if (sentence === this.#shown) return;
    this.#shown = sentence;
    this.textContent = sentence;
  }
}

/** The stream is tried again by itself, and a browser knows best whether it has a network. @param {Connection} status */
function sentenceFor(status) {
  if (status === "live") return "";
  if (status === "connecting") return words.connection.connecting;
  return navigator.onLine ? words.connection.unreachable : words.connection.offline;
}

customElements.define("connection-line", ConnectionLine);
