/** The dialog of a message list: the menu of a message, the emoji, the question before a deletion, or the details. */

import * as later from "../later-api.js";
import * as api from "../api.js";
import { words } from "../act-words.js";
import { el } from "../lib/dom.js";
import { actIcon } from "../lib/act-icons.js";
import { nameOf } from "../lib/names.js";
import { fullTime } from "../lib/time.js";
import { make } from "./context.js";
import "./emoji-picker.js";
import { itemOf, menuOf } from "./menu.js";
import { PanelDialog } from "./panel-dialog.js";

/** @typedef {import("../lib/acts.js").Act} Act */
/** @typedef {import("../types.js").Message} Message */
/**
 * @typedef {object} Given
 * @property {import("./context.js").Context} context
 * @property {(act: Act, item: HTMLElement, message: Message) => void} act
 * @property {(message: Message, emoji: string) => void} react
 */

const QUICK = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

/** @type {Partial<Record<Act, string>>} */
const SHORTCUTS = { reply: "R", react: "+", edit: "E", copy: "C", delete: "Delete" };

export class MessageDialog {
  #given;
  #panel;
  /** @type {HTMLElement | null} the message, which gets the focus back */
  #item = null;

  /**
   * @param {HTMLElement} place
   * @param {Given} given
   */
  constructor(place, given) {
    this.#given = given;
    this.#panel = new PanelDialog(place, words.acts.label, () => this.#closed());
  }

  /**
   * @param {HTMLElement} item
   * @param {Message} message
   * @param {Act[]} acts
   * @param {boolean} isHeld whether a finger still presses the message
   */
  showMenu(item, message, acts, isHeld) {
    const run = (/** @type {() => void} */ act) => () => {
      this.#panel.close();
      act();
    };
    const quick = QUICK.map((emoji) => {
      const isMine = message.reactions?.some((reaction) => reaction.emoji === emoji && reaction.mine) ?? false;
      return itemOf({ label: emoji, isChecked: isMine, act: run(() => this.#given.react(message, emoji)) });
    });
    const other = itemOf({ label: words.acts.otherEmoji, icon: actIcon("add"), act: run(() => this.#given.act("react", item, message)) });
    const rows = acts.filter((act) => act !== "react").map((act) => [
      itemOf({ label: words.acts[act], shortcut: SHORTCUTS[act], isDanger: act === "delete", act: run(() => this.#given.act(act, item, message)) }),
    ]);
    const menu = menuOf(words.acts.label, [[...quick, other], ...rows], () => this.#panel.close());
    menu.firstElementChild?.classList.add("quick");
    this.#show(item, menu, isHeld);
    rows[0][0].focus();
  }

  /**
   * @param {HTMLElement} item
   * @param {Message} message
   */
  showEmoji(item, message) {
    const picked = (/** @type {string} */ emoji) => {
      this.#panel.close();
      this.#given.react(message, emoji);
    };
    const picker = make("emoji-picker", { context: this.#given.context, picked, closed: () => this.#panel.close() });
    this.#show(item, picker);
    picker.querySelector("input")?.focus();
  }

  /**
   * Asks before a deletion.
   * @param {HTMLElement} item
   * @param {() => void} act
   */
  showQuestion(item, act) {
    const stay = el("button", { type: "button", class: "quiet" }, words.acts.cancel);
    const go = el("button", { type: "button", class: "quiet danger" }, words.acts.delete);
    stay.addEventListener("click", () => this.#panel.close());
    go.addEventListener("click", () => {
      this.#panel.close();
      act();
    });
    this.#show(item, el("div", { class: "asking" }, el("p", {}, words.acts.deleteAsked), el("div", { class: "ways" }, stay, go)));
    stay.focus();
  }

  /**
   * @param {HTMLElement} item
   * @param {Message} message
   */
  showDetails(item, message) {
    const { createdAt, editedAt, author, mine } = message;
    const close = el("button", { type: "button", class: "quiet" }, words.acts.close);
    close.addEventListener("click", () => this.#panel.close());
    const facts = el("dl", {}, ...fact(words.acts.sent, fullTime(createdAt)));
    if (author && !mine) facts.prepend(...fact(words.acts.by, el("bdi", {}, nameOf(author))));
    if (editedAt) facts.append(...fact(words.acts.edited, fullTime(editedAt)));
    this.#show(item, el("div", { class: "asking" }, facts, el("div", { class: "ways" }, close)));
    close.focus();
    if (mine) this.#addReaders(facts, message);
  }

  /**
   * @param {HTMLElement} facts
   * @param {Message} message
   */
  async #addReaders(facts, { conversationId, id }) {
    const readers = el("span", { role: "status" }, "…");
    facts.append(...fact(words.acts.readBy, readers));
    try {
      const users = await later.readers(conversationId, id);
      const names = users.map((user) => el("li", {}, el("bdi", {}, nameOf(user))));
      readers.replaceChildren(names.length > 0 ? el("ul", {}, ...names) : words.acts.notRead);
    } catch (error) {
      this.#given.context.refused(error);
      const isLarge = error instanceof api.ApiProblem && error.code === "too_many_members";
      readers.textContent = isLarge ? words.acts.tooManyMembers : words.acts.unknownReaders;
    }
    this.#panel.place();
  }

  /**
   * @param {HTMLElement} item
   * @param {HTMLElement} content
   * @param {boolean} [isHeld]
   */
  #show(item, content, isHeld = false) {
    this.#item = item;
    item.classList.add("chosen");
    const anchor = () => (item.querySelector(".content") ?? item).getBoundingClientRect();
    this.#panel.show(content, { anchor, isAtEnd: item.classList.contains("mine"), isHeld });
  }

  #closed() {
    const item = this.#item;
    this.#item = null;
    item?.classList.remove("chosen");
    if (item?.isConnected) item.focus({ preventScroll: true });
  }
}

/**
 * @param {string} name
 * @param {Node | string} value
 */
const fact = (name, value) => [el("dt", {}, name), el("dd", {}, value)];
