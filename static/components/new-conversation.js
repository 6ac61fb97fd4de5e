/**
 * <new-conversation></new-conversation>: a field for a user name, with suggestions. The server finds names by their
 * beginning. For users with a conversation, any part of the name matches.
 */

import * as api from "../api.js";
import { el } from "../lib/dom.js";
import { replaceText } from "../lib/editing.js";
import { pathOfConversation } from "../lib/ids.js";
import { belongsToComposition } from "../lib/keys.js";
import { having, nameIn } from "../lib/names.js";
import { avatar } from "./avatar.js";
import { Component } from "./context.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").User} User */

const MOST = 8; // suggestions; more would not help to choose
const PAUSE_MILLISECONDS = 150; // longer than one key press, shorter than a word

class NewConversation extends Component {
  #input = el("input", {
    id: "new-conversation",
    type: "text",
    role: "combobox",
    placeholder: words.search.label,
    "aria-label": words.search.label,
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": "suggestions",
    "aria-describedby": "new-conversation-error",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    enterkeyhint: "go",
    maxlength: "80", // twice the longest name, which may have other characters around it
  });
  #list = el("ul", { id: "suggestions", role: "listbox", "aria-label": words.search.suggestions, hidden: true });
  #found = el("p", { class: "hint", role: "status" });
  #error = el("p", { id: "new-conversation-error", class: "error", role: "alert" });
  #asked = new AbortController();
  #timer = 0;
  #chosen = -1;

  connected() {
    const form = el("form", { role: "search", class: "new" }, this.#input, this.#list, this.#found, this.#error);
    this.replaceChildren(form);
    const options = { signal: this.gone };
    this.#input.addEventListener("input", () => this.#typed(), options);
    this.#input.addEventListener("keydown", (event) => this.#key(event), options);
    this.#input.addEventListener("blur", () => this.#close(), options);
    form.addEventListener("submit", (event) => this.#submit(event), options);
    this.gone.addEventListener("abort", () => this.#asked.abort());
  }

  #typed() {
    this.#error.textContent = "";
    this.#asked.abort();
    clearTimeout(this.#timer);
    this.#choose(-1); // suggestions stay until newer ones arrive, but none is chosen
    const search = nameIn(this.#input.value);
    if (search === "") return this.#close();
    this.#timer = setTimeout(() => this.#suggest(search), PAUSE_MILLISECONDS);
  }

  /**
   * Fetches suggestions. Ignores errors, because a name can be typed in full. Tries again above the rate limit.
   * @param {string} search
   */
  async #suggest(search) {
    const { signal } = (this.#asked = new AbortController());
    try {
      const names = await api.usernames(search, signal);
      if (signal.aborted) return;
      this.#suggestAll(search, names);
    } catch (error) {
      if (signal.aborted) return;
      this.#suggestAll(search, []);
      this.context.refused(error);
      const seconds = error instanceof api.ApiProblem && error.status === 429 ? error.retryAfterSeconds : 0;
      if (seconds > 0) this.#timer = setTimeout(() => this.#suggest(search), seconds * 1000);
    }
  }

  /**
   * @param {string} search
   * @param {string[]} found by the server
   */
  #suggestAll(search, found) {
    if (document.activeElement !== this.#input) return;
    const known = this.#known;
    const names = [...new Set([...found, ...having([...known.keys()], search)])].slice(0, Math.max(MOST, found.length));
    this.#show(names.map((username) => known.get(username)?.otherParticipant ?? { id: "", username, avatarURL: null }));
    this.#tell(search, names.length);
  }

  /** The users of existing conversations, by name. */
  get #known() {
    const { entries } = this.context.store.state;
    return new Map((entries ?? []).map(({ conversation }) => [conversation.otherParticipant.username, conversation]));
  }

  /**
   * Tells screen readers how many there are, and everyone if there are none.
   * @param {string} search
   * @param {number} count
   */
  #tell(search, count) {
    this.#found.className = count === 0 ? "hint" : "visually-hidden";
    this.#found.textContent = count === 0 ? words.search.none(search) : words.search.found(count);
  }

  /** @param {User[]} users */
  #show(users) {
    this.#chosen = -1;
    this.#list.replaceChildren(
      ...users.map((user, index) => {
        const option = el("li", { role: "option", id: `suggestion-${index}`, "aria-selected": "false" }, picture(user), el("span", { class: "name" }, user.username));
        option.addEventListener("mousedown", (event) => {
          event.preventDefault(); // the input would lose its focus, and close this list
          this.#open(user.username);
        });
        return option;
      }),
    );
    this.#list.hidden = users.length === 0;
    this.#input.setAttribute("aria-expanded", `${users.length > 0}`);
    this.#input.removeAttribute("aria-activedescendant");
  }

  #close() {
    this.#asked.abort();
    clearTimeout(this.#timer);
    this.#found.textContent = "";
    this.#show([]);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (belongsToComposition(event)) return;
    const options = [...this.#list.children];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options.length > 0) {
      event.preventDefault();
      this.#choose((this.#chosen + step + options.length + (this.#chosen < 0 && step < 0 ? 1 : 0)) % options.length);
    } else if (event.key === "Escape") {
      if (options.length === 0) replaceText(this.#input, "");
      this.#close();
    }
  }

  /** @param {number} index */
  #choose(index) {
    this.#chosen = index;
    [...this.#list.children].forEach((option, nth) => option.setAttribute("aria-selected", `${nth === index}`));
    if (index < 0) this.#input.removeAttribute("aria-activedescendant");
    else this.#input.setAttribute("aria-activedescendant", `suggestion-${index}`);
    this.#list.children[index]?.scrollIntoView({ block: "nearest" }); // a low window does not fit all
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    const name = this.#list.children[this.#chosen]?.textContent ?? nameIn(this.#input.value);
    if (name) this.#open(name);
  }

  /** @param {string} name */
  async #open(name) {
    this.#close();
    try {
      const { id } = this.#known.get(name) ?? (await api.openConversation(name));
      this.#input.value = "";
      this.context.navigate(pathOfConversation(id));
    } catch (error) {
      this.#error.textContent = sentence(error, name);
      this.context.refused(error);
    }
  }
}

/** An avatar whose letters are not text, because the text of an option must be the name. @param {User} user */
function picture(user) {
  const drawn = avatar(user);
  drawn.dataset.letters = drawn.textContent;
  drawn.textContent = "";
  return drawn;
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
