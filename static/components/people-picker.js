/**
 * People to choose: chips before a field. Enter adds the person who is chosen or typed; Backspace in the empty field
 * removes the last one.
 */

import * as api from "../api.js";
import { el } from "../lib/dom.js";
import { belongsToComposition } from "../lib/keys.js";
import { nameOf } from "../lib/names.js";
import { words } from "../words.js";
import { avatar } from "./avatar.js";
import { PeopleField } from "./people-field.js";

/** @typedef {import("../types.js").User} User */
/**
 * @typedef {object} Given
 * @property {string} id of the field
 * @property {string} label
 * @property {() => User[]} known people who are suggested without the server
 * @property {(user: User) => boolean} suits whether someone may be added
 * @property {() => void} changed called when people were added or removed
 * @property {() => void} [left] called for Escape in the empty field
 * @property {(error: unknown) => void} refused
 * @property {AbortSignal} gone
 */

export class PeoplePicker {
  /** @type {User[]} in the order in which they were added */
  people = [];
  #given;
  #field;
  #chips = el("ul", { class: "chips", "aria-label": words.newGroup.chosen, hidden: true });
  #said = el("p", { class: "visually-hidden", role: "status" });
  #error;
  #form;

  /** @param {Given} given */
  constructor(given) {
    const error = `${given.id}-error`;
    this.#given = given;
    this.#error = el("p", { id: error, class: "error", role: "alert" });
    this.#field = new PeopleField({
      ...given,
      error,
      suits: (user) => given.suits(user) && !this.#has(user),
      picked: (user) => this.#add(user),
      typed: () => (this.#error.textContent = ""),
    });
    this.#form = el("form", { class: "picker" }, this.#chips, ...this.#field.parts, this.#said, this.#error);
    this.#form.addEventListener("submit", (event) => this.#submit(event), { signal: given.gone });
    this.#field.input.addEventListener("keydown", (event) => this.#key(event), { signal: given.gone });
  }

  get form() {
    return this.#form;
  }

  get usernames() {
    return this.people.map(({ username }) => username);
  }

  focus() {
    this.#field.input.focus();
  }

  clear() {
    this.people = [];
    this.#field.clear();
    this.#draw();
  }

  /** Adds the person whose name is typed. Returns false if there is no such person. */
  async settle() {
    const { name } = this.#field;
    if (name === "") return true;
    const user = this.#field.chosen ?? (await this.#find(name));
    if (user) this.#add(user);
    return Boolean(user);
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    this.settle();
  }

  /**
   * Finds the person with a user name, or the only one with a name that begins so.
   * @param {string} name
   */
  async #find(name) {
    this.#field.close();
    try {
      const found = await api.users(name, this.#given.gone);
      const same = found.find(({ username }) => username.toLowerCase() === name.toLowerCase());
      if (same ?? (found.length === 1 && found[0])) return same ?? found[0];
      this.#error.textContent = words.search.nobody(name);
    } catch (error) {
      if (this.#given.gone.aborted) return undefined;
      this.#given.refused(error);
      const isBusy = error instanceof api.ApiProblem && error.status === 429;
      this.#error.textContent = isBusy ? words.busy : error instanceof api.ApiProblem ? error.message : words.wentWrong;
    }
    return undefined;
  }

  /** @param {User} user */
  #add(user) {
    this.#field.clear();
    this.#field.input.focus();
    if (this.#has(user) || !this.#given.suits(user)) return;
    this.people = [...this.people, user];
    this.#said.textContent = words.newGroup.added(nameOf(user));
    this.#draw();
  }

  /** @param {User} user */
  #remove(user) {
    this.people = this.people.filter(({ username }) => username !== user.username);
    this.#said.textContent = words.newGroup.removed(nameOf(user));
    this.#draw();
    this.#field.input.focus();
  }

  /** @param {User} user */
  #has({ username }) {
    return this.people.some((user) => user.username === username);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (belongsToComposition(event) || this.#field.input.value !== "") return;
    const last = this.people.at(-1);
    if (event.key === "Backspace" && last) this.#remove(last);
    else if (event.key === "Escape") this.#given.left?.();
  }

  #draw() {
    this.#chips.replaceChildren(...this.people.map((user) => this.#chip(user)));
    this.#chips.hidden = this.people.length === 0;
    this.#given.changed();
  }

  /** @param {User} user */
  #chip(user) {
    const name = nameOf(user);
    const cross = el("button", { type: "button", "aria-label": words.newGroup.remove(name) }, "×");
    cross.addEventListener("click", () => this.#remove(user));
    return el("li", {}, avatar(user), el("bdi", {}, name), cross);
  }
}
