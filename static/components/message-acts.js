/**
 * What users can do with the messages of a list: by a bar beside the message under the pointer, by keys on the message
 * with the focus, and by a menu with everything, which a long press opens on touch screens.
 */

import { words } from "../act-words.js";
import { copyText } from "../lib/copying.js";
import { el } from "../lib/dom.js";
import { actsFor, KEYS } from "../lib/acts.js";
import { icon } from "../lib/icon.js";
import { actIcon } from "../lib/act-icons.js";
import { pathOfMessage } from "../lib/ids.js";
import { belongsToComposition } from "../lib/keys.js";
import { LongPress } from "../lib/long-press.js";
import { MessageDialog } from "./message-dialog.js";
import { ReplyTargets } from "./reply-targets.js";

/** @typedef {import("../lib/acts.js").Act} Act */
/** @typedef {import("../types.js").Message} Message */
/**
 * @typedef {object} Given
 * @property {HTMLElement} place the element of the list
 * @property {HTMLElement} scroller
 * @property {HTMLElement} items the list of messages
 * @property {string} conversationId
 * @property {import("./context.js").Context} context
 * @property {(item: Element) => Message | null} messageOf
 * @property {AbortSignal} gone
 */

const GAP_PIXELS = 6; // between a bubble and the bar
const SAID_MILLISECONDS = 3000;

/** @type {[Act | "more", () => Element][]} */
const BAR = [
  ["react", () => icon("smile")],
  ["reply", () => actIcon("reply")],
  ["more", () => actIcon("more")],
];

export class MessageActs {
  #given;
  #dialog;
  #bar;
  #targets;
  #said = el("p", { class: "told", role: "status" });
  /** @type {HTMLElement | null} the message that the bar belongs to */
  #item = null;
  #saying = 0;

  /** @param {Given} given */
  constructor(given) {
    this.#given = given;
    const { place, scroller, items, gone } = given;
    const buttons = BAR.map(([act, draw]) => el("button", { type: "button", tabindex: "-1", "data-act": act, "aria-label": words.acts[act], title: words.acts[act] }, draw()));
    this.#bar = el("div", { class: "act-bar", role: "toolbar", "aria-label": words.acts.label, hidden: true }, ...buttons);
    scroller.append(this.#bar);
    place.append(this.#said);
    this.#dialog = new MessageDialog(place, { context: given.context, act: (act, item, message) => this.#act(act, item, message), react: (message, emoji) => this.#react(message, emoji) });
    this.#targets = new ReplyTargets(given.conversationId, given.context, gone);
    const options = { signal: gone };
    items.addEventListener("keydown", (event) => this.#key(event), options);
    items.addEventListener("click", (event) => this.#clicked(event), options);
    items.addEventListener("pointerover", (event) => this.#hovered(event), options);
    items.addEventListener("focusin", (event) => this.#focused(event), options);
    scroller.addEventListener("pointerleave", () => this.#hide(), options);
    scroller.addEventListener("focusout", ({ relatedTarget }) => !scroller.matches(":hover") && !(relatedTarget instanceof Node && scroller.contains(relatedTarget)) && this.#hide(), options);
    this.#bar.addEventListener("click", (event) => this.#pressed(event), options);
    new LongPress(items, (target) => this.#heldDown(target), gone);
    gone.addEventListener("abort", () => clearTimeout(this.#saying));
  }

  /** Follows a draw. @param {import("./rows.js").Line[]} lines */
  drawn(lines) {
    this.#placeBar();
    this.#targets.fetchFor(lines);
  }

  /** Puts the bar beside its message again. */
  #placeBar() {
    if (this.#bar.hidden) return;
    const message = this.#item?.isConnected ? this.#given.messageOf(this.#item) : null;
    if (!this.#item || !message || this.#acts(message).length === 0) return this.#hide();
    const { scroller } = this.#given;
    const frame = scroller.getBoundingClientRect();
    const bubble = (this.#item.querySelector(".content") ?? this.#item).getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.#bar;
    const beside = message.mine ? bubble.left - width - GAP_PIXELS : bubble.right + GAP_PIXELS;
    const isFree = beside >= frame.left && beside + width <= frame.left + scroller.clientWidth;
    const over = message.mine ? bubble.left : bubble.right - width;
    const left = (isFree ? beside : over) - frame.left;
    const top = (isFree ? bubble.top : bubble.top - height / 2) - frame.top + scroller.scrollTop;
    this.#bar.style.left = `${Math.min(Math.max(left, 0), scroller.clientWidth - width)}px`;
    this.#bar.style.top = `${Math.max(top, 0)}px`;
  }

  /** @param {HTMLElement | null} item */
  #show(item) {
    if (!item) return;
    this.#item = item;
    this.#bar.hidden = false;
    this.#placeBar();
  }

  #hide() {
    this.#bar.hidden = true;
    this.#item = null;
  }

  /** @param {PointerEvent} event */
  #hovered({ target, pointerType }) {
    if (pointerType !== "touch") this.#show(messageAt(target));
  }

  /** @param {FocusEvent} event */
  #focused({ target }) {
    if (target instanceof Element && target.matches(":focus-visible")) this.#show(messageAt(target));
  }

  /** @param {EventTarget | null} target */
  #heldDown(target) {
    const item = messageAt(target);
    if (!item || (target instanceof Element && target.closest("a[href]:not(.time, .quote)"))) return false; // the browser's own menu of links
    return this.#open(item, true);
  }

  /**
   * Opens the menu. Returns whether there is one.
   * @param {HTMLElement} item
   * @param {boolean} [isHeld] whether a finger still presses it
   */
  #open(item, isHeld = false) {
    const message = this.#given.messageOf(item);
    const acts = message ? this.#acts(message) : [];
    if (!message || acts.length === 0) return false;
    this.#dialog.showMenu(item, message, acts, isHeld);
    return true;
  }

  /** @param {Message} message */
  #acts(message) {
    const { store } = this.#given.context;
    const entry = store.state.entries?.find(({ conversation }) => conversation.id === this.#given.conversationId);
    return actsFor(message, { isAdmin: entry?.conversation.group?.role === "admin", now: Date.now() });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const item = messageAt(event.target);
    if (!item || belongsToComposition(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    const isOnMessage = event.target === item;
    if (event.key === "Enter" && isOnMessage && this.#open(item)) return event.preventDefault();
    const message = this.#given.messageOf(item);
    const act = KEYS[event.key.toLowerCase()];
    if (!message || !act || !this.#acts(message).includes(act)) return;
    event.preventDefault();
    this.#act(act, item, message);
  }

  /** @param {MouseEvent} event */
  #pressed({ target }) {
    const act = target instanceof Element ? target.closest("button")?.dataset.act : undefined;
    const message = this.#item && this.#given.messageOf(this.#item);
    if (!act || !this.#item || !message) return;
    if (act === "more") this.#open(this.#item);
    else this.#act(/** @type {Act} */ (act), this.#item, message);
  }

  /** @param {MouseEvent} event */
  #clicked({ target }) {
    const chip = target instanceof Element ? target.closest(".reactions button") : null;
    const message = chip && this.#given.messageOf(/** @type {Element} */ (messageAt(chip)));
    if (chip instanceof HTMLElement && message) this.#react(message, chip.dataset.emoji ?? "");
  }

  /**
   * @param {Act} act
   * @param {HTMLElement} item
   * @param {Message} message
   */
  #act(act, item, message) {
    const { place, conversationId, context } = this.#given;
    switch (act) {
      case "reply":
      case "edit":
        return place.dispatchEvent(new CustomEvent("compose", { detail: { act, message }, bubbles: true }));
      case "react":
        return this.#dialog.showEmoji(item, message);
      case "copy":
        return this.#copy(message.content);
      case "link":
        return this.#copy(location.origin + pathOfMessage(conversationId, message.id));
      case "details":
        return this.#dialog.showDetails(item, message);
      case "delete":
        return this.#dialog.showQuestion(item, () => context.intents?.want(message, { kind: "delete" }));
    }
  }

  /**
   * Adds a reaction, or takes it back.
   * @param {Message} message
   * @param {string} emoji
   */
  #react(message, emoji) {
    const isWanted = !message.reactions?.some((reaction) => reaction.emoji === emoji && reaction.mine);
    this.#given.context.intents?.want(message, { kind: "react", emoji, isWanted });
  }

  /** @param {string} text */
  async #copy(text) {
    this.#said.textContent = (await copyText(text)) ? words.acts.copied : words.acts.notCopied;
    clearTimeout(this.#saying);
    this.#saying = setTimeout(() => (this.#said.textContent = ""), SAID_MILLISECONDS);
  }
}

/**
 * The list item of a message.
 * @param {EventTarget | null} target in it
 * @returns {HTMLElement | null}
 */
const messageAt = (target) => (target instanceof Element ? target.closest("li.message[tabindex]") : null);
