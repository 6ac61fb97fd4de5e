/** <conversation-menu></conversation-menu> with `conversationId`: a button, and the choice of notifications. */

import { words } from "../act-words.js";
import * as later from "../later-api.js";
import * as api from "../api.js";
import { el } from "../lib/dom.js";
import { actIcon } from "../lib/act-icons.js";
import { Component } from "./context.js";
import { itemOf, menuOf } from "./menu.js";
import { PanelDialog } from "./panel-dialog.js";

/** @typedef {import("../types.js").Notify} Notify */

/** @type {Notify[]} */
const CHOICES = ["all", "mentions", "none"];

class ConversationMenu extends Component {
  /** @type {string} */
  conversationId = /** @type {any} */ (this).conversationId;
  #button = el("button", { type: "button", class: "icon-button menu-button", "aria-label": words.conversation.options, title: words.conversation.options, "aria-haspopup": "menu" }, actIcon("more"));
  #error = el("p", { class: "told", role: "alert" });
  /** @type {PanelDialog | null} */
  #panel = null;

  connected() {
    this.replaceChildren(this.#button, this.#error);
    this.#panel = new PanelDialog(this, words.conversation.options, () => this.isConnected && this.#button.focus());
    this.#button.addEventListener("click", () => this.#open(), { signal: this.gone });
  }

  get #notify() {
    const { entries } = this.context.store.state;
    return entries?.find(({ conversation }) => conversation.id === this.conversationId)?.conversation.notify ?? "all";
  }

  #open() {
    this.#error.textContent = "";
    const chosen = this.#notify;
    const items = CHOICES.map((notify) => itemOf({ label: words.conversation[notify], isChecked: notify === chosen, isRadio: true, act: () => this.#choose(notify) }));
    const menu = menuOf(words.conversation.notify, items.map((item) => [item]), () => this.#panel?.close());
    const anchor = () => this.#button.getBoundingClientRect();
    this.#panel?.show(el("div", {}, el("p", { class: "menu-title", "aria-hidden": "true" }, words.conversation.notify), menu), { anchor, isAtEnd: true });
    items[CHOICES.indexOf(chosen)].focus();
  }

  /** The event `setting` then changes the state, in all tabs. @param {Notify} notify */
  async #choose(notify) {
    this.#panel?.close();
    try {
      await later.setNotify(this.conversationId, notify);
      if (this.context.store.state.connection === "live") return;
      const snapshot = await api.conversation(this.conversationId);
      this.context.store.dispatch({ type: "conversation", snapshot });
    } catch (error) {
      this.context.refused(error);
      this.#error.textContent = words.conversation.failed;
      setTimeout(() => (this.#error.textContent = ""), SHOWN_MILLISECONDS);
    }
  }
}

const SHOWN_MILLISECONDS = 6000;

customElements.define("conversation-menu", ConversationMenu);
