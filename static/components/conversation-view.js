/**
 * <conversation-view></conversation-view> with `conversationId`: one conversation, from who it is
 * with to what is being written.
 */

import * as api from "../api.js";
import { el } from "../lib/dom.js";
import { compareIds } from "../store.js";
import { avatar } from "./avatar.js";
import { Component } from "./context.js";
import "./message-composer.js";
import "./message-list.js";

/** @typedef {import("../types.js").State} State */

class ConversationView extends Component {
  conversationId = "";
  #title = el("h1", { tabindex: "-1" });
  #header = el("header", { class: "with" });
  #marked = "";

  connected() {
    const back = el("a", { href: "/", class: "back", "aria-label": "Back to the conversations" }, "‹");
    this.#header.append(back, this.#title);
    const given = { context: this.context, conversationId: this.conversationId };
    const list = Object.assign(document.createElement("message-list"), given);
    const composer = Object.assign(document.createElement("message-composer"), given);
    this.replaceChildren(el("main", { class: "conversation" }, this.#header, list, composer));
    this.context.store.subscribe((state) => this.#draw(state), this.gone);
    const options = { signal: this.gone };
    addEventListener("focus", () => this.#markRead(this.context.store.state), options);
    document.addEventListener("visibilitychange", () => this.#markRead(this.context.store.state), options);
    this.#load();
  }

  async #load() {
    try {
      const snapshot = await api.conversation(this.conversationId);
      this.context.store.dispatch({ type: "conversation", snapshot });
      const messages = await api.messages(this.conversationId);
      this.context.store.dispatch({ type: "messages", conversationId: this.conversationId, snapshot: messages, older: false });
    } catch (error) {
      this.context.refused(error);
      if (!this.gone.aborted && error instanceof api.ApiProblem) this.#fail(error);
    }
  }

  /** @param {State} state */
  #draw(state) {
    const conversation = state.entries?.find((entry) => entry.conversation.id === this.conversationId)?.conversation;
    if (!conversation) return;
    const { otherParticipant: other } = conversation;
    if (this.#title.textContent !== other.username) {
      this.#title.textContent = other.username;
      this.#header.querySelector(".avatar")?.remove();
      this.#title.before(avatar(other));
    }
    this.#markRead(state);
  }

  /**
   * Up to the newest message that is not one's own, while somebody looks at it.
   * @param {State} state
   */
  async #markRead(state) {
    if (document.visibilityState !== "visible" || !document.hasFocus()) return;
    const conversation = state.entries?.find((entry) => entry.conversation.id === this.conversationId)?.conversation;
    const last = state.threads[this.conversationId]?.messages.findLast((message) => !message.mine);
    if (!conversation || !last || last.id === this.#marked) return;
    if (conversation.lastReadMessageId && compareIds(conversation.lastReadMessageId, last.id) >= 0) return;
    this.#marked = last.id;
    try {
      await api.markRead(this.conversationId, last.id);
    } catch (error) {
      this.#marked = "";
      this.context.refused(error);
    }
  }

  /** @param {api.ApiProblem} problem */
  #fail(problem) {
    const missing = problem.status === 404;
    const again = el("button", { type: "button" }, "Try again");
    again.addEventListener("click", () => this.connected());
    this.replaceChildren(
      el(
        "main",
        { class: "notice" },
        el("h1", {}, missing ? "There is nothing here" : "This cannot be shown now"),
        el("p", {}, missing ? "There is no such conversation, or it is not yours." : problem.message),
        missing ? el("a", { href: "/" }, "To your conversations") : again,
      ),
    );
  }
}

customElements.define("conversation-view", ConversationView);
