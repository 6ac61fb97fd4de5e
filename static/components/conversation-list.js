/** <conversation-list></conversation-list>: whom one talks with, latest first, and what is unread. */

import * as api from "../api.js";
import { el, reconcile } from "../lib/dom.js";
import { pathOfConversation, placeAt } from "../lib/ids.js";
import { fullTime, shortTime, whenTimesChange } from "../lib/time.js";
import { avatar } from "./avatar.js";
import { Component } from "./context.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").Conversation} Conversation */
/** @typedef {import("../types.js").State} State */

const LONGEST_PREVIEW = 200; // more than one line ever shows

/** A row as it is drawn: drawn anew when one of these differs. @typedef {{conversation: Conversation, current: boolean, time: string}} Row */

class ConversationList extends Component {
  #list = el("ul", { class: "conversations" });
  #empty = el("p", { class: "empty", hidden: true }, words.conversations.empty);
  #more = el("button", { type: "button", class: "quiet more", hidden: true }, words.conversations.more);
  /** @type {WeakMap<HTMLElement, Row>} */
  #drawn = new WeakMap();

  connected() {
    this.replaceChildren(el("nav", { "aria-label": words.conversations.label }, this.#list, this.#empty, this.#more));
    this.#more.addEventListener("click", () => this.#loadMore(), { signal: this.gone });
    this.context.store.subscribe((state) => this.#draw(state), this.gone);
    addEventListener("popstate", () => this.#draw(this.context.store.state), { signal: this.gone });
    whenTimesChange(() => this.#drawAnew(), this.gone);
  }

  /** @param {State} state */
  #draw({ entries, moreEntries }) {
    this.#empty.hidden = entries === null || entries.length > 0;
    this.#more.hidden = moreEntries === null;
    reconcile(
      this.#list,
      entries ?? [],
      ({ conversation }) => conversation.id,
      ({ conversation }, item) => this.#row(conversation, item),
    );
  }

  #drawAnew() {
    this.#drawn = new WeakMap();
    this.#draw(this.context.store.state);
  }

  /**
   * @param {Conversation} conversation
   * @param {HTMLElement} item
   */
  #row(conversation, item) {
    const { lastMessage } = conversation;
    const current = placeAt(location.pathname).conversationId === conversation.id;
    const time = lastMessage ? shortTime(lastMessage.createdAt) : "";
    const before = this.#drawn.get(item);
    if (before?.conversation === conversation && before.current === current && before.time === time) return;
    const focused = item.contains(document.activeElement);
    const link = drawn({ conversation, current, time });
    item.replaceChildren(link);
    if (focused) link.focus();
    this.#drawn.set(item, { conversation, current, time });
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

/** @param {Row} row */
function drawn({ conversation, current, time }) {
  const { otherParticipant: other, lastMessage, hasUnreadMessages } = conversation;
  const at = lastMessage?.createdAt ?? "";
  return el(
    "a",
    {
      href: pathOfConversation(conversation.id),
      class: hasUnreadMessages ? "unread" : null,
      "aria-current": current ? "page" : null,
    },
    avatar(other),
    el("span", { class: "name" }, other.username),
    lastMessage && el("time", { datetime: at, title: fullTime(at) }, time),
    preview(conversation),
    ...badge(conversation),
  );
}

/** The prefix stands apart, so that the text's own direction is its own. @param {Conversation} conversation */
function preview({ lastMessage }) {
  if (!lastMessage) return el("span", { class: "preview" }, words.conversations.noMessages);
  const text = el("bdi", {}, lastMessage.content.slice(0, LONGEST_PREVIEW));
  return el("span", { class: "preview" }, lastMessage.mine ? words.conversations.you : null, text);
}

/** @param {Conversation} conversation */
function badge({ unreadCount }) {
  if (unreadCount === 0) return [];
  const shown = unreadCount > 999 ? "999+" : `${unreadCount}`;
  return [el("span", { class: "badge" }, shown), el("span", { class: "visually-hidden" }, words.conversations.unread)];
}

customElements.define("conversation-list", ConversationList);
