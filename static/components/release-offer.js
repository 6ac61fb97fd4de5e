/**
 * <release-offer></release-offer>: offers a reload when sw.js has a newer release of the page in full. If the server is of
 * that release, a tab that nobody sees reloads by itself, unless the user has written something in it.
 */

import { el } from "../lib/dom.js";
import { mayReload, noteReload } from "../lib/reloads.js";
import { words } from "../words.js";
import { Component } from "./context.js";
import { action } from "./notice.js";

class ReleaseOffer extends Component {
  #met = ""; // the version of the server that the stream is open to
  #kept = ""; // the version of the newest release that sw.js has, if this tab shows another one
  #isCounting = false;

  connected() {
    this.hidden = true;
    this.setAttribute("role", "status");
    const worker = navigator.serviceWorker;
    if (!worker) return;
    const options = { signal: this.gone };
    worker.addEventListener("message", ({ data }) => data?.type === "release" && this.#show(data.version), options);
    document.addEventListener("visibilitychange", () => isHidden() && this.#ask(), options);
    this.context.store.subscribe(({ connection, version }) => {
      const met = connection === "live" ? `live ${version}` : "";
      const isNew = met !== "" && met !== this.#met;
      this.#met = met;
      if (isNew) this.#ask();
      else this.#reloadUnseen();
    }, this.gone);
  }

  /** Asks sw.js whether it has the release of the server. */
  #ask() {
    const { version } = this.context.store.state;
    navigator.serviceWorker.controller?.postMessage({ type: "renew", version });
    this.#reloadUnseen();
  }

  /** @param {string} [version] earlier releases of sw.js did not tell it */
  #show(version = "") {
    this.#kept = version;
    if (this.hidden) this.replaceChildren(el("p", {}, words.release.ready), action(words.release.reload, () => this.#reload()));
    this.hidden = false;
    this.#reloadUnseen();
  }

  async #reloadUnseen() {
    if (this.#isCounting || !this.#isUnseen()) return;
    this.#isCounting = true;
    await this.context.writing;
    const unsent = await this.context.outbox.count();
    this.#isCounting = false;
    if (unsent === 0 && this.#isUnseen()) this.#reload({ asked: false });
  }

  /** Whether a reload now may load the server's version, and nobody would notice it. */
  #isUnseen() {
    const { version, drafts } = this.context.store.state;
    if (this.#kept === "" || this.#kept !== version || !isHidden() || this.gone.aborted) return false;
    return drafts.length === 0 && !isHalfWritten() && mayReload(version);
  }

  #reload({ asked = true } = {}) {
    if (noteReload(this.#kept) || asked) location.reload();
  }
}

const isHidden = () => document.visibilityState === "hidden";

/** Whether a field of the page has text that the user has written. */
function isHalfWritten() {
  const fields = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("textarea, input:not([type=radio], [type=checkbox])"));
  return [...fields].some(({ value, defaultValue }) => value !== defaultValue);
}

customElements.define("release-offer", ReleaseOffer);
