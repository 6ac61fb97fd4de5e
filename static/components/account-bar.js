/** <account-bar></account-bar>: who is signed in here and where else, and the way out. */

import { el, onceAtATime } from "../lib/dom.js";
import { icon } from "../lib/icon.js";
import { belongsToComposition } from "../lib/keys.js";
import { avatar } from "./avatar.js";
import { Component } from "./context.js";
import { words } from "../words.js";

class AccountBar extends Component {
  #name = el("span", { class: "name" });
  #devices = el("a", { href: "/sessions", class: "button quiet devices", "aria-label": words.devices.short, title: words.devices.title }, icon("devices"));
  #out = el("button", { type: "button", class: "quiet" }, words.account.signOut);
  #error = el("p", { class: "error", role: "alert" });
  /** @type {import("../types.js").User | null} */
  #drawn = null;

  connected() {
    this.replaceChildren(el("footer", { class: "account" }, this.#name, this.#devices, this.#out, this.#error));
    this.#out.addEventListener("click", () => this.#leave(), { signal: this.gone });
    this.context.store.subscribe(({ me }) => this.#draw(me), this.gone);
  }

  /** @param {import("../types.js").User | null | undefined} me */
  #draw(me) {
    if (!me || me === this.#drawn) return;
    this.#drawn = me;
    this.querySelector(".avatar")?.remove();
    this.#name.before(avatar(me));
    this.#name.textContent = me.username;
  }

  /** Who would lose what they have written is asked first. */
  async #leave() {
    if (!(await this.context.writing)) return; // the page begins anew
    const { outbox, unsent } = this.context;
    const count = (await outbox.count()) + unsent.count;
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

customElements.define("account-bar", AccountBar);
