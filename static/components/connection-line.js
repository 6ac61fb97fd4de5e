/** <connection-line></connection-line>: says quietly when what one sees may be old. */

import { Component } from "./context.js";

const SENTENCES = {
  connecting: "Connecting…",
  offline: "Offline: your messages will be sent.",
  live: "",
};
const GRACE_MILLISECONDS = 1500; // most reconnections are over before anyone could read of them

class ConnectionLine extends Component {
  #timer = 0;

  connected() {
    this.setAttribute("role", "status");
    this.context.store.subscribe(({ connection }) => this.#draw(connection), this.gone);
    this.gone.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** @param {import("../types.js").Connection} status */
  #draw(status) {
    if (this.dataset.status === status) return;
    this.dataset.status = status;
    clearTimeout(this.#timer);
    const show = () => (this.textContent = SENTENCES[status]);
    if (status === "connecting") this.#timer = setTimeout(show, GRACE_MILLISECONDS);
    else show();
  }
}

customElements.define("connection-line", ConnectionLine);
