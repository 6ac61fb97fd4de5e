/**
 * A field for the name of a person, with suggestions. The server finds names by their beginning. For people who are
 * known already, any part of the name matches.
 */

import * as api from "../api.js";
import { el } from "../lib/dom.js";
import { replaceText } from "../lib/editing.js";
import { belongsToComposition } from "../lib/keys.js";
import { having, nameIn, nameOf } from "../lib/names.js";
import { words } from "../words.js";
import { avatar } from "./avatar.js";

/** @typedef {import("../types.js").User} User */
/**
 * @typedef {object} Given
 * @property {string} id of the field
 * @property {string} label
 * @property {string} [error] the id of the element with the sentence about a wrong name
 * @property {() => User[]} known people who are suggested without the server
 * @property {(user: User) => boolean} [suits] whether someone may be suggested
 * @property {(user: User) => void} picked called for a click on a suggestion
 * @property {() => void} typed called at each change of the text
 * @property {(error: unknown) => void} refused
 * @property {AbortSignal} gone
 */

const MOST = 8; // suggestions; more would not help to choose
const PAUSE_MILLISECONDS = 150; // longer than one key press, shorter than a word

export class PeopleField {
  #given;
  #input;
  #list;
  #found = el("p", { class: "hint", role: "status" });
  /** @type {User[]} */
  #suggested = [];
  #asked = new AbortController();
  #timer = 0;
  #chosen = -1;

  /** @param {Given} given */
  constructor(given) {
    const { id, label, gone } = given;
    this.#given = given;
    this.#input = el("input", {
      id,
      type: "text",
      role: "combobox",
      placeholder: label,
      "aria-label": label,
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": `${id}-suggestions`,
      "aria-describedby": given.error ?? null,
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      enterkeyhint: "go",
      maxlength: "80", // longer than any name, which may have other characters around it
    });
    this.#list = el("ul", { id: `${id}-suggestions`, class: "suggestions", role: "listbox", "aria-label": words.search.suggestions, hidden: true });
    this.#input.addEventListener("input", () => this.#typed(), { signal: gone });
    this.#input.addEventListener("keydown", (event) => this.#key(event), { signal: gone });
    this.#input.addEventListener("blur", () => this.close(), { signal: gone });
    gone.addEventListener("abort", () => this.#asked.abort());
  }

  /** The elements, in the order in which they belong into the page. */
  get parts() {
    return [this.#input, this.#list, this.#found];
  }

  get input() {
    return this.#input;
  }

  /** The person who is chosen by the arrow keys. */
  get chosen() {
    return this.#suggested[this.#chosen];
  }

  /** The typed name, without what may surround it. */
  get name() {
    return nameIn(this.#input.value);
  }

  clear() {
    this.close();
    this.#input.value = "";
  }

  close() {
    this.#asked.abort();
    clearTimeout(this.#timer);
    this.#found.textContent = "";
    this.#show([]);
  }

  #typed() {
    this.#given.typed();
    this.#asked.abort();
    clearTimeout(this.#timer);
    this.#choose(-1); // suggestions stay until newer ones arrive, but none is chosen
    const search = this.name;
    if (search === "") return this.close();
    this.#timer = setTimeout(() => this.#suggest(search), PAUSE_MILLISECONDS);
  }

  /**
   * Fetches suggestions. Ignores errors, because a name can be typed in full. Tries again above the rate limit.
   * @param {string} search
   */
  async #suggest(search) {
    const { signal } = (this.#asked = new AbortController());
    try {
      const found = await api.users(search, signal);
      if (signal.aborted) return;
      this.#suggestAll(search, found);
    } catch (error) {
      if (signal.aborted) return;
      this.#suggestAll(search, []);
      this.#given.refused(error);
      const seconds = error instanceof api.ApiProblem && error.status === 429 ? error.retryAfterSeconds : 0;
      if (seconds > 0) this.#timer = setTimeout(() => this.#suggest(search), seconds * 1000);
    }
  }

  /**
   * @param {string} search
   * @param {User[]} found by the server
   */
  #suggestAll(search, found) {
    if (document.activeElement !== this.#input) return;
    const { known, suits = () => true } = this.#given;
    const all = [...found, ...having(known(), search)].filter(suits);
    const users = all.filter((user, n) => all.findIndex(({ username }) => username === user.username) === n);
    this.#show(users.slice(0, Math.max(MOST, found.length)));
    this.#tell(search);
  }

  /** Tells screen readers how many there are, and everyone if there are none. @param {string} search */
  #tell(search) {
    const { length } = this.#suggested;
    this.#found.className = length === 0 ? "hint" : "visually-hidden";
    this.#found.textContent = length === 0 ? words.search.none(search) : words.search.found(length);
  }

  /** @param {User[]} users */
  #show(users) {
    this.#chosen = -1;
    this.#suggested = users;
    this.#list.replaceChildren(...users.map((user, index) => this.#option(user, index)));
    this.#list.hidden = users.length === 0;
    this.#input.setAttribute("aria-expanded", `${users.length > 0}`);
    this.#input.removeAttribute("aria-activedescendant");
  }

  /**
   * @param {User} user
   * @param {number} index
   */
  #option(user, index) {
    const option = el("li", { role: "option", id: this.#idOf(index), "aria-selected": "false" }, picture(user), ...namesOf(user));
    option.addEventListener("mousedown", (event) => {
      event.preventDefault(); // the input would lose its focus, and close this list
      this.#given.picked(user);
    });
    return option;
  }

  /** @param {number} index */
  #idOf(index) {
    return `${this.#given.id}-suggestion-${index}`;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (belongsToComposition(event)) return;
    const { length } = this.#suggested;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && length > 0) {
      event.preventDefault();
      this.#choose((this.#chosen + step + length + (this.#chosen < 0 && step < 0 ? 1 : 0)) % length);
    } else if (event.key === "Escape" && (length > 0 || this.#input.value !== "")) {
      event.stopImmediatePropagation(); // the place around it leaves at the next one
      if (length === 0) replaceText(this.#input, "");
      this.close();
    }
  }

  /** @param {number} index */
  #choose(index) {
    this.#chosen = index;
    [...this.#list.children].forEach((option, nth) => option.setAttribute("aria-selected", `${nth === index}`));
    if (index < 0) this.#input.removeAttribute("aria-activedescendant");
    else this.#input.setAttribute("aria-activedescendant", this.#idOf(index));
    this.#list.children[index]?.scrollIntoView({ block: "nearest" }); // a low window does not fit all
  }
}

/** The name, and the user name beside a display name: two people may have the same one. @param {User} user */
export function namesOf(user) {
  const name = el("bdi", { class: "name" }, nameOf(user));
  return user.displayName === undefined ? [name] : [name, " ", el("span", { class: "username" }, `@${user.username}`)];
}

/** An avatar whose letters are not text, because the text of an option must be the name. @param {User} user */
function picture(user) {
  const drawn = avatar(user);
  drawn.dataset.letters = drawn.textContent;
  drawn.textContent = "";
  return drawn;
}
