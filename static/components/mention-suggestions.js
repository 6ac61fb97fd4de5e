/** Suggests members of a conversation while an `@name` is typed into a field of several lines. */

import { words } from "../act-words.js";
import { callBefore } from "../lib/calls.js";
import { el } from "../lib/dom.js";
import { insertText } from "../lib/editing.js";
import { belongsToComposition } from "../lib/keys.js";
import { avatar } from "./avatar.js";
import { namesOf } from "./people-field.js";

/** @typedef {import("../types.js").User} User */

const ID = "mention-suggestions";
const PAUSE_MILLISECONDS = 150; // longer than one key press, shorter than a word
const MOST = 8;

export class MentionSuggestions {
  #field;
  #people;
  list = el("ul", { id: ID, class: "suggestions names", role: "listbox", "aria-label": words.composer.members, hidden: true });
  /** @type {User[]} */
  #suggested = [];
  #chosen = 0;
  #asked = new AbortController();
  #timer = 0;
  #left = -1; // the place of the `@` whose suggestions the user has closed

  /**
   * @param {HTMLTextAreaElement} field
   * @param {(name: string, signal: AbortSignal) => Promise<User[]>} people whose name begins so
   * @param {AbortSignal} gone
   */
  constructor(field, people, gone) {
    this.#field = field;
    this.#people = people;
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", ID);
    field.addEventListener("input", () => this.#typed(), { signal: gone });
    field.addEventListener("click", () => this.#typed(), { signal: gone });
    field.addEventListener("blur", () => this.close(), { signal: gone });
    gone.addEventListener("abort", () => this.close());
  }

  /** Handles a key of the field. Returns whether it was for the list. @param {KeyboardEvent} event */
  key(event) {
    if (this.list.hidden || belongsToComposition(event)) return false;
    const { length } = this.#suggested;
    if (event.key === "ArrowDown") this.#choose((this.#chosen + 1) % length);
    else if (event.key === "ArrowUp") this.#choose((this.#chosen + length - 1) % length);
    else if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) this.#pick(this.#suggested[this.#chosen]);
    else if (event.key === "Escape") this.#leave();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  close() {
    this.#asked.abort();
    clearTimeout(this.#timer);
    this.#suggested = [];
    this.list.hidden = true;
    this.list.replaceChildren();
    this.#field.removeAttribute("aria-activedescendant");
  }

  get #call() {
    const { value, selectionStart, selectionEnd } = this.#field;
    return selectionStart === selectionEnd ? callBefore(value.slice(0, selectionStart)) : null;
  }

  #leave() {
    this.#left = this.#call?.at ?? -1;
    this.close();
  }

  #typed() {
    this.#asked.abort();
    clearTimeout(this.#timer);
    const call = this.#call;
    if (!call) this.#left = -1;
    if (!call || call.at === this.#left) return this.close();
    this.#timer = setTimeout(() => this.#suggest(call.name), PAUSE_MILLISECONDS);
  }

  /** Ignores errors, because a name can be typed in full. @param {string} name */
  async #suggest(name) {
    const { signal } = (this.#asked = new AbortController());
    const found = await this.#people(name, signal).catch(() => []);
    if (signal.aborted || document.activeElement !== this.#field) return;
    if (found.length === 0) return this.close();
    this.#suggested = found.slice(0, MOST);
    this.list.replaceChildren(...this.#suggested.map((user, n) => this.#option(user, n)));
    this.list.hidden = false;
    this.#choose(0);
  }

  /**
   * @param {User} user
   * @param {number} n
   */
  #option(user, n) {
    const picture = avatar(user);
    picture.dataset.letters = picture.textContent;
    picture.textContent = ""; // the text of an option is the name
    const option = el("li", { role: "option", id: `${ID}-${n}`, "aria-selected": "false" }, picture, ...namesOf(user));
    option.addEventListener("mousedown", (event) => {
      event.preventDefault(); // the field keeps the focus
      this.#pick(user);
    });
    return option;
  }

  /** @param {number} n */
  #choose(n) {
    this.#chosen = n;
    [...this.list.children].forEach((option, nth) => option.setAttribute("aria-selected", `${nth === n}`));
    this.#field.setAttribute("aria-activedescendant", `${ID}-${n}`);
    this.list.children[n]?.scrollIntoView({ block: "nearest" });
  }

  /** @param {User} user */
  #pick({ username }) {
    const call = this.#call;
    if (!call) return this.close();
    this.#field.setSelectionRange(call.at, this.#field.selectionStart);
    insertText(this.#field, `@${username} `);
    this.close();
  }
}
