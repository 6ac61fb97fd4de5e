/** <new-conversation></new-conversation>: a field for the name of someone to talk to, and the way to a new group. */

import * as api from "../api.js";
import { el } from "../lib/dom.js";
import { icon } from "../lib/icon.js";
import { pathOfConversation } from "../lib/ids.js";
import { Component } from "./context.js";
import { PeopleField } from "./people-field.js";
import { words } from "../words.js";

const ERROR = "new-conversation-error";

class NewConversation extends Component {
  #error = el("p", { id: ERROR, class: "error", role: "alert" });
  /** @type {PeopleField} */
  #field = /** @type {any} */ (null); // until it is connected

  connected() {
    this.#field = new PeopleField({
      id: "new-conversation",
      label: words.search.label,
      error: ERROR,
      known: () => [...this.#known.values()].flatMap(({ otherParticipant }) => otherParticipant ?? []),
      picked: ({ username }) => this.#open(username),
      typed: () => (this.#error.textContent = ""),
      refused: this.context.refused,
      gone: this.gone,
    });
    const group = el("a", { href: "/groups/new", class: "way" }, icon("group"), words.newGroup.way);
    const form = el("form", { role: "search", class: "new" }, ...this.#field.parts, this.#error, group);
    form.addEventListener("submit", (event) => this.#submit(event), { signal: this.gone });
    this.replaceChildren(form);
  }

  /** The conversations of two, by the other's name. */
  get #known() {
    const { entries } = this.context.store.state;
    const pairs = (entries ?? []).flatMap(({ conversation }) => (conversation.otherParticipant ? [conversation] : []));
    return new Map(pairs.map((conversation) => [conversation.otherParticipant?.username ?? "", conversation]));
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    const name = this.#field.chosen?.username ?? this.#field.name;
    if (name) this.#open(name);
  }

  /** @param {string} name */
  async #open(name) {
    this.#field.close();
    try {
      const { id } = this.#known.get(name) ?? (await api.openConversation(name));
      this.#field.clear();
      this.context.navigate(pathOfConversation(id));
    } catch (error) {
      this.#error.textContent = sentence(error, name);
      this.context.refused(error);
    }
  }
}

/**
 * @param {unknown} error
 * @param {string} name
 */
function sentence(error, name) {
  if (!(error instanceof api.ApiProblem)) return words.wentWrong;
  if (error.status === 403) return words.search.yourself;
  if (error.status === 404) return words.search.nobody(name);
  if (error.status === 429) return words.busy;
  if (error.status === 422) return words.username;
  return error.message;
}

customElements.define("new-conversation", NewConversation);
