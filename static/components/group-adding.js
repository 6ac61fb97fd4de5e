/** <group-adding></group-adding> with `conversationId`: adds people to a group, if the user is its admin. */

import * as later from "../later-api.js";
import { el, onceAtATime } from "../lib/dom.js";
import { nameOf } from "../lib/names.js";
import { words } from "../words.js";
import { Component } from "./context.js";
import { sentenceFor } from "./group-refusals.js";
import { PeoplePicker } from "./people-picker.js";

class GroupAdding extends Component {
  conversationId = "";
  #add = el("button", { type: "button", hidden: true }, words.group.add);
  #said = el("p", { class: "hint", role: "status" });
  #error = el("p", { class: "error", role: "alert" });
  /** @type {PeoplePicker} */
  #picker = /** @type {any} */ (null); // until it is connected

  connected() {
    const { store, refused } = this.context;
    this.#picker = new PeoplePicker({
      id: "added-people",
      label: words.group.addPeople,
      known: () => (store.state.entries ?? []).flatMap(({ conversation }) => conversation.otherParticipant ?? []),
      suits: ({ username }) => !this.#members.has(username) && username !== store.state.me?.username,
      changed: () => this.#changed(),
      refused,
      gone: this.gone,
    });
    this.#add.addEventListener("click", () => onceAtATime(this.#add, () => this.#addAll()), { signal: this.gone });
    this.replaceChildren(this.#picker.form, this.#add, this.#said, this.#error);
    store.subscribe(({ entries }) => {
      const entry = entries?.find(({ conversation }) => conversation.id === this.conversationId);
      this.hidden = entry?.conversation.group?.role !== "admin";
    }, this.gone);
  }

  /** The user names of the members that are known. */
  get #members() {
    const { members } = this.context.store.state.memberships[this.conversationId] ?? { members: [] };
    return new Set(members.map(({ user }) => user.username));
  }

  #changed() {
    this.#error.textContent = "";
    this.#add.hidden = this.#picker.people.length === 0;
  }

  async #addAll() {
    const { people, usernames } = this.#picker;
    this.#said.textContent = this.#error.textContent = "";
    try {
      await later.addMembers(this.conversationId, usernames);
      const [first, ...others] = people.map(nameOf);
      this.#picker.clear();
      this.#picker.focus(); // the button disappears
      this.#said.textContent = words.group.added(words.notices.list([first, ...others], 0));
    } catch (error) {
      this.context.refused(error);
      this.#error.textContent = sentenceFor(error);
    }
  }
}

customElements.define("group-adding", GroupAdding);
