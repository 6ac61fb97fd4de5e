/** <sign-out></sign-out>: signs out, and asks first if unsent text would be lost. */

import { el, onceAtATime } from "../lib/dom.js";
import { belongsToComposition } from "../lib/keys.js";
import { words } from "../words.js";
import { Component } from "./context.js";

class SignOut extends Component {
  #out = el("button", { type: "button", class: "quiet danger" }, words.account.signOut);
  #error = el("p", { class: "error", role: "alert" });

  connected() {
    this.replaceChildren(this.#out, this.#error);
    this.#out.addEventListener("click", () => this.#leave(), { signal: this.gone });
  }

  /** Signs out, after a question if there is unsent text. */
  async #leave() {
    if (!(await this.context.writing)) return; // the page reloads
    const { outbox, drafts } = this.context;
    const count = (await outbox.count()) + drafts.count;
    if (count === 0) this.#signOut();
    else this.#askFirst(count);
  }

  /** @param {number} count */
  #askFirst(count) {
    const stay = el("button", { type: "button", class: "quiet" }, words.account.stay);
    const go = el("button", { type: "button", class: "quiet danger" }, words.account.discard);
    const question = el("div", { class: "question", role: "alertdialog", "aria-label": words.account.signOut }, el("p", {}, words.account.unsent(count)), stay, go);
    const answer = (/** @type {() => void} */ act) => () => {
      question.remove();
      this.#out.focus();
      act();
    };
    stay.addEventListener("click", answer(() => {}));
    go.addEventListener("click", answer(() => this.#signOut()));
    question.addEventListener("keydown", (event) => event.key === "Escape" && !belongsToComposition(event) && stay.click());
    this.querySelector(".question")?.remove();
    this.#out.after(question);
    stay.focus();
  }

  #signOut() {
    this.#error.textContent = "";
    return onceAtATime(this.#out, () => this.context.signOut()).catch(() => {
      this.#error.textContent = words.account.failed;
    });
  }
}

customElements.define("sign-out", SignOut);
