/** <message-list></message-list> with `conversationId`: what was said, oldest on top, and what is on its way. */

import * as api from "../api.js";
import { el, reconcile } from "../lib/dom.js";
import { Component } from "./context.js";
import { linesOf } from "./lines.js";
import { drawDay, drawDraft, drawMessage } from "./message.js";

/** @typedef {import("./lines.js").Line} Line */
/** @typedef {import("../types.js").State} State */

const NEAR_PIXELS = 80; // from the end: closer than that, one is reading along

class MessageList extends Component {
  conversationId = "";
  #older = el("button", { type: "button", class: "quiet older", hidden: true }, "Load older messages");
  #empty = el("p", { class: "empty", hidden: true }, "Nothing has been said yet. Write the first message.");
  #list = el("ol", { class: "messages" });
  // Off until what was said before is there: it would all be read out.
  #log = el("div", { role: "log", "aria-label": "Messages", "aria-live": "off" }, this.#list);
  #scroller = el(
    "div",
    { class: "scroller", tabindex: "0", role: "region", "aria-label": "Conversation" },
    this.#older,
    this.#empty,
    this.#log,
  );
  #begun = false;
  #following = true; // whether the end was in view before whatever happens now
  #latestDraft = "";

  connected() {
    this.replaceChildren(this.#scroller);
    const options = { signal: this.gone };
    this.#older.addEventListener("click", () => this.#loadOlder(), options);
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), options);
    const resizes = new ResizeObserver(() => this.#follow());
    resizes.observe(this.#scroller);
    this.gone.addEventListener("abort", () => resizes.disconnect());
    this.context.store.subscribe((state) => this.#draw(state), this.gone);
  }

  /** @param {State} state */
  #draw(state) {
    const thread = state.threads[this.conversationId];
    if (!thread) return;
    const lines = linesOf(state, this.conversationId);
    this.#older.hidden = thread.older === null;
    this.#empty.hidden = lines.length > 0;
    this.#notePlace();
    this.#keepingPlace(() => reconcile(this.#list, lines, ({ key }) => key, (line, item) => this.#line(line, item)));
    this.#followOwn(lines);
    this.#follow();
    if (!this.#begun) requestAnimationFrame(() => this.#log.setAttribute("aria-live", "polite"));
    this.#begun = true;
  }

  /**
   * @param {Line} line
   * @param {HTMLElement} item
   */
  #line(line, item) {
    if (line.kind === "day") drawDay(item, line);
    else if (line.kind === "message") drawMessage(item, line);
    else drawDraft(item, line, this.context.outbox);
  }

  /**
   * What one looks at stays where it is, whatever `change` does above it.
   * @param {() => void} change
   */
  #keepingPlace(change) {
    if (this.#following) return change();
    const { top } = this.#scroller.getBoundingClientRect();
    const places = [...this.#list.children].map((item) => ({ item, at: item.getBoundingClientRect() }));
    const seen = places.filter(({ at }) => at.bottom > top);
    change();
    const stayed = seen.find(({ item }) => item.isConnected); // the name of a day may move up
    if (stayed) this.#scroller.scrollTop += stayed.item.getBoundingClientRect().top - stayed.at.top;
  }

  /**
   * Who sends wants to see it, wherever they were reading.
   * @param {Line[]} lines
   */
  #followOwn(lines) {
    const last = lines.at(-1);
    if (last?.kind !== "draft" || last.key === this.#latestDraft) return;
    this.#latestDraft = last.key;
    this.#following = true;
  }

  #follow() {
    if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** The event that tells of a scroll comes a frame late: a draw in between must not undo it. */
  #notePlace() {
    if (!this.#begun) return;
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR_PIXELS;
  }

  #scrolled() {
    this.#notePlace();
    const nearTop = this.#scroller.scrollTop < NEAR_PIXELS;
    if (this.#begun && nearTop && !this.#following && !this.#older.hidden) this.#loadOlder();
  }

  async #loadOlder() {
    const link = this.context.store.state.threads[this.conversationId]?.older;
    if (!link || this.#older.disabled) return;
    this.#older.disabled = true;
    this.#log.setAttribute("aria-live", "off");
    try {
      const snapshot = await api.messages(this.conversationId, link);
      this.context.store.dispatch({ type: "messages", conversationId: this.conversationId, snapshot, older: true });
      this.#older.textContent = "Load older messages";
      requestAnimationFrame(() => this.#scrolled()); // who went on to the top meanwhile wants more
    } catch (error) {
      this.#older.textContent = "Older messages could not be loaded. Try again";
      this.context.refused(error);
    } finally {
      this.#older.disabled = false;
      requestAnimationFrame(() => this.#log.setAttribute("aria-live", "polite"));
    }
  }
}

customElements.define("message-list", MessageList);
