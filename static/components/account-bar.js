/** <account-bar></account-bar>: the name of the signed-in user, and a link to the settings. */

import { el } from "../lib/dom.js";
import { icon } from "../lib/icon.js";
import { words } from "../words.js";
import { avatar } from "./avatar.js";
import { Component } from "./context.js";
import { nameOf } from "../lib/names.js";

/** @typedef {import("../types.js").User} User */

class AccountBar extends Component {
  #name = el("bdi", { class: "name" });
  #link = el("a", { href: "/settings" }, this.#name, el("span", { class: "visually-hidden" }, words.settings.title), icon("settings"));
  /** @type {User | null} */
  #drawn = null;

  connected() {
    this.replaceChildren(el("footer", { class: "account" }, this.#link));
    this.context.store.subscribe(({ me }) => this.#draw(me), this.gone);
    addEventListener("popstate", () => this.#mark(), { signal: this.gone });
    this.#mark();
  }

  /** @param {User | null | undefined} me */
  #draw(me) {
    if (!me || me === this.#drawn) return;
    this.#drawn = me;
    this.querySelector(".avatar")?.remove();
    this.#name.before(avatar(me));
    this.#name.textContent = nameOf(me);
  }

  #mark() {
    if (["/settings", "/sessions"].includes(location.pathname)) this.#link.setAttribute("aria-current", "page");
    else this.#link.removeAttribute("aria-current");
  }
}

customElements.define("account-bar", AccountBar);
