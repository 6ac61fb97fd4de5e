/** <refusal-line></refusal-line> with `conversationId`: why something that the user wanted of a message was undone. */

import { words } from "../act-words.js";
import { copyText } from "../lib/copying.js";
import { el } from "../lib/dom.js";
import { words as common } from "../words.js";
import { Component } from "./context.js";

/** @typedef {import("../types.js").Refusal} Refusal */

class RefusalLine extends Component {
  /** @type {string} */
  conversationId = /** @type {any} */ (this).conversationId;
  /** @type {Refusal | null} */
  #drawn = null;

  connected() {
    this.setAttribute("role", "alert");
    this.context.store.subscribe(({ refusal }) => this.#draw(refusal?.conversationId === this.conversationId ? refusal : null), this.gone);
  }

  /** @param {Refusal | null} refusal */
  #draw(refusal) {
    if (refusal === this.#drawn) return;
    this.#drawn = refusal;
    if (!refusal) return this.replaceChildren();
    const { sentence, content } = refusal;
    const dismiss = el("button", { type: "button", class: "link" }, words.refusals.dismiss);
    dismiss.addEventListener("click", () => this.context.intents?.dismiss());
    const parts = content === undefined ? [dismiss] : [copying(content), dismiss];
    this.replaceChildren(el("p", { class: "refusal" }, el("span", {}, sentence), el("span", { class: "ways" }, ...parts)));
  }
}

/** A button that copies the text that is not saved. @param {string} content */
function copying(content) {
  const copy = el("button", { type: "button", class: "link" }, words.refusals.copy);
  copy.addEventListener("click", async () => (await copyText(content)) && (copy.textContent = common.unsent.copied));
  return copy;
}

customElements.define("refusal-line", RefusalLine);
