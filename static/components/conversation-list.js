/**
 * <conversation-list></conversation-list>: the conversations, latest first, with unread counts. While a pointer hovers
 * or presses, the order stays, so that no row moves from under a finger.
 */

import * as api from "../api.js";
import { el, onceAFrame, onceAtATime, reconcile } from "../lib/dom.js";
import { placeAt } from "../lib/ids.js";
import { presentTime, whenTimesChange } from "../lib/time.js";
import { listed } from "../store.js";
import { Component } from "./context.js";
import { drawRow } from "./conversation-row.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").Entry} Entry */

const SETTLE_MILLISECONDS = 350; // a click follows a little after the finger is lifted

class ConversationList extends Component {
  #list = el("ul", { class: "conversations" });
  #empty = el("p", { class: "empty", hidden: true }, words.conversations.empty);
  #more = el("button", { type: "button", class: "quiet more", hidden: true }, words.conversations.more);
  #drawSoon = onceAFrame(() => this.#draw());
  #isOver = false;
  #isPressed = false;
  #settling = 0;
  #timesDrawn = 0; // increases when all times must be drawn again

  connected() {
    this.replaceChildren(el("nav", { "aria-label": words.conversations.label }, this.#list, this.#empty, this.#more));
    this.#more.addEventListener("click", () => onceAtATime(this.#more, () => this.#loadMore()), { signal: this.gone });
    this.#watchPointer();
    this.context.store.subscribe(() => this.#changed(), this.gone);
    addEventListener("popstate", () => this.#draw(), { signal: this.gone });
    whenTimesChange(() => this.#drawAnew(), this.gone);
  }

  #watchPointer() {
    const options = { signal: this.gone };
    this.addEventListener("pointerenter", () => (this.#isOver = true), options);
    this.addEventListener("pointerdown", () => (this.#isPressed = true), options);
    this.addEventListener("pointerleave", () => this.#settle(() => (this.#isOver = false)), options);
    const lift = () => this.#isPressed && this.#settle(() => (this.#isPressed = false));
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, lift, options);
  }

  /** @param {() => void} change */
  #settle(change) {
    change();
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.#settling = 0;
      this.#drawSoon();
    }, SETTLE_MILLISECONDS);
  }

  get #rests() {
    return this.#isOver || this.#isPressed || this.#settling !== 0;
  }

  #changed() {
    if (this.#list.firstChild) this.#drawSoon();
    else this.#draw();
  }

  #draw() {
    if (this.gone.aborted) return;
    const { state } = this.context.store;
    const { moreEntries } = state;
    const entries = listed(state);
    this.#empty.hidden = entries === null || entries.length > 0;
    this.#more.hidden = moreEntries === null;
    const now = presentTime((entries ?? []).map(({ conversation }) => conversation.lastMessage?.createdAt ?? ""));
    const times = `${now.toDateString()} ${this.#timesDrawn}`;
    const { conversationId } = placeAt(location.pathname);
    reconcile(
      this.#list,
      this.#rests ? this.#asTheyStand(entries ?? []) : (entries ?? []),
      ({ conversation }) => conversation.id,
      ({ conversation }, item) => drawRow(item, { conversation, current: conversation.id === conversationId, times, now }),
    );
  }

  /** Sorts entries into the drawn order. New ones go below. @param {Entry[]} entries */
  #asTheyStand(entries) {
    const places = new Map([...this.#list.children].map((item, n) => [item.getAttribute("data-key"), n]));
    const place = (/** @type {Entry} */ { conversation }) => places.get(conversation.id) ?? places.size;
    return entries.toSorted((one, other) => place(one) - place(other));
  }

  #drawAnew() {
    this.#timesDrawn += 1;
    this.#draw();
  }

  async #loadMore() {
    const link = this.context.store.state.moreEntries;
    if (!link) return;
    const known = this.#list.children.length;
    try {
      const snapshot = await api.conversations(link);
      this.context.store.dispatch({ type: "conversations", snapshot, older: true });
    } catch (error) {
      return this.context.refused(error);
    }
    const isHere = document.activeElement === this.#more;
    this.#draw();
    if (isHere && this.#more.hidden) this.#list.children[known]?.querySelector("a")?.focus({ preventScroll: true });
  }
}

customElements.define("conversation-list", ConversationList);
