/** <release-offer></release-offer>: offers a reload when there is a newer release of the page. */

import { el } from "../lib/dom.js";
import { words } from "../words.js";
import { Component } from "./context.js";
import { action } from "./notice.js";

class ReleaseOffer extends Component {
  #wasLive = false;
  #wasAway = false;

  connected() {
    this.hidden = true;
    this.setAttribute("role", "status");
    const worker = navigator.serviceWorker;
    if (!worker) return;
    worker.addEventListener("message", ({ data }) => data?.type === "release" && this.#show(), { signal: this.gone });
    this.context.store.subscribe(({ connection }) => {
      const isLive = connection === "live";
      // The server may return as a newer release. While a page loads, sw.js checks by itself.
      if (isLive && this.#wasLive && this.#wasAway) worker.controller?.postMessage({ type: "renew" });
      this.#wasAway = !isLive;
      this.#wasLive ||= isLive;
    }, this.gone);
  }

  #show() {
    if (!this.hidden) return;
    this.replaceChildren(el("p", {}, words.release.ready), action(words.release.reload, () => location.reload()));
    this.hidden = false;
  }
}

customElements.define("release-offer", ReleaseOffer);
