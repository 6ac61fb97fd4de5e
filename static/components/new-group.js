/** <new-group></new-group>: makes a group of people, with a name. */

import "../late-styles.js";
import * as later from "../later-api.js";
import * as api from "../api.js";
import { el, onceAtATime } from "../lib/dom.js";
import { pathOfConversation } from "../lib/ids.js";
import { belongsToComposition } from "../lib/keys.js";
import { uuid } from "../lib/uuid.js";
import { words } from "../words.js";
import { Component } from "./context.js";
import { sentenceFor } from "./group-refusals.js";
import { PeoplePicker } from "./people-picker.js";

const LONGEST_NAME = 80; // code points; the field counts units of UTF-16, so that the server may refuse few more

class NewGroup extends Component {
  #clientId = uuid(); // a repeat of the same request makes no second group
  #name = el("input", { id: "group-name", type: "text", autocomplete: "off", maxlength: `${2 * LONGEST_NAME}`, "aria-describedby": "new-group-error" });
  #history = el("input", { id: "group-history", type: "checkbox" });
  #error = el("p", { id: "new-group-error", class: "error", role: "alert" });
  #make = el("button", { type: "submit" }, words.newGroup.make);
  /** @type {PeoplePicker} */
  #picker = /** @type {any} */ (null); // until it is connected

  connected() {
    const leave = () => this.context.navigate("/");
    this.#picker = new PeoplePicker({
      id: "group-people",
      label: words.newGroup.people,
      known: () => (this.context.store.state.entries ?? []).flatMap(({ conversation }) => conversation.otherParticipant ?? []),
      suits: ({ username }) => username !== this.context.store.state.me?.username,
      changed: () => (this.#error.textContent = ""),
      left: leave,
      refused: this.context.refused,
      gone: this.gone,
    });
    const rest = el(
      "form",
      { class: "stack" },
      el("label", { for: this.#name.id }, words.newGroup.name),
      this.#name,
      el("label", { class: "choice" }, this.#history, words.newGroup.history),
      this.#error,
      this.#make,
    );
    rest.addEventListener("submit", (event) => this.#submit(event), { signal: this.gone });
    rest.addEventListener("input", () => (this.#error.textContent = ""), { signal: this.gone });
    rest.addEventListener("keydown", (event) => event.key === "Escape" && !belongsToComposition(event) && leave(), { signal: this.gone });
    const back = el("a", { href: "/", class: "back", "aria-label": words.back }, "‹");
    const place = el("div", { class: "settings new-group" }, this.#picker.form, rest);
    this.replaceChildren(el("main", { class: "place" }, el("header", { class: "with" }, back, el("h1", { tabindex: "-1" }, words.newGroup.title)), place));
    this.#picker.focus();
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    onceAtATime(this.#make, () => this.#makeGroup());
  }

  async #makeGroup() {
    this.#error.textContent = "";
    const name = this.#name.value.trim();
    if (!(await this.#picker.settle())) return this.#picker.focus();
    if (name === "") return this.#refuse(words.newGroup.nameless);
    const history = this.#history.checked ? "all" : "joined";
    try {
      const { id } = await later.makeGroup({ name, usernames: this.#picker.usernames, history, clientId: this.#clientId });
      if (!this.gone.aborted) this.context.navigate(pathOfConversation(id));
    } catch (error) {
      this.context.refused(error);
      const isMade = error instanceof api.ApiProblem && error.code === "client_id_reused";
      if (isMade) this.#clientId = uuid();
      this.#refuse(isMade ? words.newGroup.made : sentenceFor(error));
    }
  }

  /** @param {string} sentence */
  #refuse(sentence) {
    this.#error.textContent = sentence;
    if (sentence === words.newGroup.nameless) this.#name.focus();
  }
}

customElements.define("new-group", NewGroup);
