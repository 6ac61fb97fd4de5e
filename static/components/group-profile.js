/** <group-profile></group-profile> with `conversationId`: a group's name, and what new members see of it. */

import * as later from "../later-api.js";
import { el, onceAtATime } from "../lib/dom.js";
import { belongsToComposition } from "../lib/keys.js";
import { words } from "../words.js";
import { pictureOf } from "./avatar.js";
import { Component } from "./context.js";
import { sentenceFor } from "./group-refusals.js";

/** @typedef {import("../types.js").Conversation} Conversation */
/** @typedef {import("../types.js").Group} Group */

class GroupProfile extends Component {
  conversationId = "";
  #name = el("bdi", { class: "name" });
  #rename = el("button", { type: "button", class: "quiet" }, words.group.rename);
  #profile = el("div", { class: "profile" }, this.#name, this.#rename);
  #input = el("input", { id: "group-name", type: "text", autocomplete: "off", "aria-label": words.newGroup.name, "aria-describedby": "group-error" });
  #save = el("button", { type: "submit" }, words.group.save);
  #cancel = el("button", { type: "button", class: "quiet" }, words.group.cancel);
  #form = el("form", { class: "renaming", hidden: true }, this.#input, this.#save, this.#cancel);
  #box = el("input", { id: "group-history", type: "checkbox" });
  #history = el("label", { class: "choice", hidden: true }, this.#box, words.newGroup.history);
  #rule = el("p", { class: "hint" });
  #error = el("p", { id: "group-error", class: "error", role: "alert" });
  /** @type {Group | null} */
  #drawn = null;

  connected() {
    const options = { signal: this.gone };
    this.replaceChildren(this.#profile, this.#form, this.#history, this.#rule, this.#error);
    this.#rename.addEventListener("click", () => this.#edit(true), options);
    this.#cancel.addEventListener("click", () => this.#edit(false), options);
    this.#form.addEventListener("submit", (event) => this.#submit(event), options);
    this.#form.addEventListener("keydown", (event) => event.key === "Escape" && !belongsToComposition(event) && this.#edit(false), options);
    this.#box.addEventListener("change", () => this.#change({ history: this.#box.checked ? "all" : "joined" }), options);
    this.context.store.subscribe(() => this.#draw(), this.gone);
  }

  /** @returns {Conversation | undefined} */
  get #conversation() {
    return this.context.store.state.entries?.find(({ conversation }) => conversation.id === this.conversationId)?.conversation;
  }

  #draw() {
    const conversation = this.#conversation;
    const group = conversation?.group;
    if (!conversation || !group || group === this.#drawn) return;
    if (group.name !== this.#drawn?.name) {
      this.#profile.querySelector(".avatar")?.remove();
      this.#profile.prepend(pictureOf(conversation));
      this.#name.textContent = group.name;
    }
    const isAdmin = group.role === "admin";
    if (!isAdmin) this.#edit(false);
    this.#rename.hidden = !isAdmin || !this.#form.hidden;
    this.#history.hidden = !isAdmin;
    this.#rule.hidden = isAdmin;
    this.#box.checked = group.history === "all";
    this.#rule.textContent = group.history === "all" ? words.group.historyAll : words.group.historyJoined;
    this.#drawn = group;
  }

  /** @param {boolean} isOpen */
  #edit(isOpen) {
    if (this.#form.hidden === !isOpen) return;
    this.#error.textContent = "";
    this.#form.hidden = !isOpen;
    this.#rename.hidden = isOpen;
    if (!isOpen) return this.#rename.focus();
    this.#input.value = this.#drawn?.name ?? "";
    this.#input.select();
    this.#input.focus();
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    const name = this.#input.value.trim();
    if (name === "") this.#error.textContent = words.newGroup.nameless;
    else onceAtATime(this.#save, async () => (await this.#change({ name })) && this.#edit(false));
  }

  /**
   * Resolves with whether the server has changed it; its notice then changes the state.
   * @param {{name?: string, history?: import("../types.js").History}} fields
   */
  async #change(fields) {
    this.#error.textContent = "";
    try {
      await later.changeGroup(this.conversationId, fields);
      return true;
    } catch (error) {
      this.context.refused(error);
      this.#error.textContent = sentenceFor(error);
      this.#box.checked = this.#drawn?.history === "all";
      return false;
    }
  }
}

customElements.define("group-profile", GroupProfile);
