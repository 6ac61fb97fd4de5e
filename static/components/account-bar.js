/** <account-bar></account-bar>: who is signed in here, and the way out. */

import { el } from "../lib/dom.js";
import { avatar } from "./avatar.js";
import { Component } from "./context.js";

class AccountBar extends Component {
  #name = el("span", { class: "name" });
  #out = el("button", { type: "button", class: "quiet" }, "Sign out");
  #error = el("p", { class: "error", role: "alert" });
  /** @type {import("../types.js").User | null} */
  #drawn = null;

  connected() {
    this.replaceChildren(el("footer", { class: "account" }, this.#name, this.#out, this.#error));
    this.#out.addEventListener("click", () => this.#signOut(), { signal: this.gone });
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

  async #signOut() {
    this.#out.disabled = true;
    this.#error.textContent = "";
    try {
      await this.context.signOut();
    } catch {
      this.#error.textContent = "Still signed in: the server cannot be reached.";
    } finally {
      this.#out.disabled = false;
    }
  }
}

customElements.define("account-bar", AccountBar);
