/** <unsent-texts></unsent-texts> with `conversationId`: what was written in a conversation that is gone, to copy it. */

import { el } from "../lib/dom.js";
import { words } from "../words.js";
import { Component } from "./context.js";

/** @typedef {{text: string, discard: () => void}} Unsent */

class UnsentTexts extends Component {
  /** @type {string} */
  conversationId = /** @type {any} */ (this).conversationId;
  #drawn = "";

  connected() {
    this.context.store.subscribe(() => this.#draw(), this.gone);
  }

  /** @returns {Unsent[]} */
  get #unsent() {
    const { store, drafts, outbox } = this.context;
    const failed = store.state.drafts.filter(({ conversationId }) => conversationId === this.conversationId);
    const typed = drafts.get(this.conversationId);
    const sent = failed.map((draft) => ({ text: draft.content, discard: () => outbox?.discard(draft) }));
    return typed.trim() === "" ? sent : [...sent, { text: typed, discard: () => this.#forget() }];
  }

  #forget() {
    this.context.drafts.set(this.conversationId, "");
    this.#draw();
  }

  #draw() {
    const unsent = this.#unsent;
    const state = JSON.stringify(unsent.map(({ text }) => text));
    if (state === this.#drawn) return;
    this.#drawn = state;
    const list = el("ul", {}, ...unsent.map((one) => item(one)));
    this.hidden = unsent.length === 0;
    this.replaceChildren(el("h2", {}, words.unsent.title), el("p", { class: "hint" }, words.unsent.lead), list);
  }
}

/** @param {Unsent} unsent */
function item({ text, discard }) {
  const copy = el("button", { type: "button", class: "link" }, words.unsent.copy);
  const drop = el("button", { type: "button", class: "link" }, words.unsent.discard);
  copy.addEventListener("click", () => navigator.clipboard?.writeText(text).then(() => (copy.textContent = words.unsent.copied), () => {}));
  drop.addEventListener("click", discard);
  const isCopied = navigator.clipboard !== undefined; // absent over http:// to another machine
  return el("li", {}, el("p", { class: "content", dir: "auto" }, text), el("span", { class: "ways" }, isCopied ? copy : null, drop));
}

customElements.define("unsent-texts", UnsentTexts);
