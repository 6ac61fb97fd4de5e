/** <connection-line></connection-line>: shows when the page may be out of date. */

import { retryNow } from "../lib/backoff.js";
import { el } from "../lib/dom.js";
import { words } from "../words.js";
import { Component } from "./context.js";

/** @typedef {import("../types.js").Connection} Connection */
/** @typedef {import("../types.js").State} State */

const GRACE_MILLISECONDS = 1500; // most reconnections take less time
const AWAY_MILLISECONDS = 6000; // nearly all others, unless the server is down

class ConnectionLine extends Component {
  #timer = 0;
  #since = 0; // when it stopped being live
  #shown = "";
  #retry = el("button", { type: "button", class: "link" }, words.connection.retry);

  connected() {
    this.setAttribute("role", "status");
    this.context.store.subscribe((state) => this.#draw(state), this.gone);
    for (const event of ["online", "offline"]) {
      addEventListener(event, () => this.dataset.status === "offline" && this.#show(), { signal: this.gone });
    }
    this.#retry.addEventListener("click", retryNow, { signal: this.gone });
    this.gone.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** @param {State} state */
  #draw({ connection: status, isPolled }) {
    if (isPolled && this.#shown !== words.connection.polled) this.#show();
    if (this.dataset.status === status) return;
    this.dataset.status = status;
    clearTimeout(this.#timer);
    if (status === "live") this.#since = 0;
    else this.#since ||= Date.now();
    this.#showLater(status === "connecting" ? GRACE_MILLISECONDS : 0);
  }

  /** @param {number} milliseconds */
  #showLater(milliseconds) {
    if (milliseconds === 0) this.#show();
    else this.#timer = setTimeout(() => this.#show(), milliseconds);
  }

  #show() {
    const away = this.#since && Date.now() - this.#since;
    const sentence = sentenceFor(this.context.store.state, away >= AWAY_MILLISECONDS);
    if (away && away < AWAY_MILLISECONDS) this.#showLater(AWAY_MILLISECONDS - away);
    if (sentence === this.#shown) return;
    this.#shown = sentence;
    this.replaceChildren(sentence, ...(isRetried(sentence) ? [" ", this.#retry] : []));
  }
}

/**
 * The sentence for a connection. The stream reconnects by itself, and the browser knows whether it has a network.
 * @param {State} state
 * @param {boolean} isAway
 */
function sentenceFor({ connection, since, entries, isPolled }, isAway) {
  if (connection === "live") return "";
  if (isPolled && navigator.onLine) return words.connection.polled;
  if (connection === "offline") return navigator.onLine ? words.connection.unreachable : words.connection.offline;
  if (since === "" && entries) return words.connection.lastSeen;
  return isAway ? words.connection.unreachable : words.connection.connecting;
}

/** @param {string} sentence */
const isRetried = (sentence) => sentence === words.connection.unreachable || sentence === words.connection.lastSeen;

customElements.define("connection-line", ConnectionLine);
