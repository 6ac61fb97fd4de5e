/** <conversation-list></conversation-list>: whom one talks with, latest first, and what is unread. */

import * as api from "../api.js";
import { el, reconcile } from "../lib/dom.js";
import { fullTime, shortTime } from "../lib/time.js";
import { avatar } from "./avatar.js";
import { Component } from "./context.js";

/** @typedef {import("../types.js").Conversation} Conversation */
/** @typedef {import("../types.js").State} State */

class ConversationList extends Component {
  #list = el("ul", { class: "conversations" });
  #empty = el("p", { class: "empty", hidden: true }, "You have no conversations yet. Type a user name above to start one.");
  #more = el("button", { type: "button", class: "quiet", hidden: true }, "Show more");

  connected() {
    this.replaceChildren(el("nav", { "aria-label": "Conversations" }, this.#list, this.#empty, this.#more));
    this.#more.addEventListener("click", () => this.#loadMore(), { signal: this.gone });
    this.context.store.subscribe((state) => this.#draw(state), this.gone);
    addEventListener("popstate", () => this.#draw(this.context.store.state), { signal: this.gone });
  }

  /** @param {State} state */
  #draw(state) {
    const conversations = (state.entries ?? []).map((entry) => entry.conversation);
    this.#empty.hidden = state.entries === null || conversations.length > 0;
    this.#more.hidden = state.moreEntries === null;
    reconcile(this.#list, conversations, (conversation) => conversation.id, row);
  }

  async #loadMore() {
    const link = this.context.store.state.moreEntries;
    if (!link) return;
    this.#more.disabled = true;
    try {
      const snapshot = await api.conversations(link);
      this.context.store.dispatch({ type: "conversations", snapshot, older: true });
    } catch (error) {
      this.context.refused(error);
    } finally {
      this.#more.disabled = false;
    }
  }
}

/**
 * @param {Conversation} conversation
 * @param {HTMLElement | null} known
 */
function row(conversation, known) {
  const item = known ?? el("li");
  const path = `/conversations/${conversation.id}`;
  const { otherParticipant: other, lastMessage } = conversation;
  const link = el(
    "a",
    { href: path, class: conversation.hasUnreadMessages ? "unread" : null, "aria-current": location.pathname === path ? "page" : null },
    avatar(other),
    el("span", { class: "name" }, other.username),
    lastMessage && el("time", { datetime: lastMessage.createdAt, title: fullTime(lastMessage.createdAt) }, shortTime(lastMessage.createdAt)),
    el("span", { class: "preview", dir: "auto" }, preview(conversation)),
    badge(conversation),
  );
  const focused = item.contains(document.activeElement);
  item.replaceChildren(link);
  if (focused) link.focus();
  return item;
}

/** @param {Conversation} conversation */
function preview({ lastMessage }) {
  if (!lastMessage) return "No messages yet";
  const text = lastMessage.content.slice(0, 200);
  return lastMessage.mine ? `You: ${text}` : text;
}

/** @param {Conversation} conversation */
function badge({ unreadCount }) {
  if (unreadCount === 0) return null;
  const shown = unreadCount > 999 ? "999+" : `${unreadCount}`;
  return el("span", { class: "badge", "aria-label": `${shown} unread` }, shown);
}

customElements.define("conversation-list", ConversationList);
