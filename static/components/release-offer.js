/** <release-offer></release-offer>: says that there is a newer page than the one that is shown, which a reload brings. */

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
      // A server may come back as a newer release. For a page that is loading, sw.js does the same.
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
