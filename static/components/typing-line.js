/** <typing-line></typing-line> with `conversationId`: who is typing. Screen readers do not announce it. */

import { words } from "../act-words.js";
import { nameOf } from "../lib/names.js";
import { Component } from "./context.js";

/** @typedef {import("../types.js").State} State */

class TypingLine extends Component {
  /** @type {string} */
  conversationId = /** @type {any} */ (this).conversationId;
  #timer = 0;
  #drawn = "";

  connected() {
    this.context.store.subscribe((state) => this.#draw(state), this.gone);
    this.gone.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** @param {State} state */
  #draw(state) {
    const now = Date.now();
    const typing = Object.entries(state.typing[this.conversationId] ?? {}).filter(([id, until]) => until > now && id !== state.me?.id);
    const found = typing.map(([id]) => nameIn(state, this.conversationId, id));
    const names = found.filter((name) => name !== undefined);
    const sentence = found.length === 0 ? "" : words.typing.now(names, found.length - names.length);
    if (sentence !== this.#drawn) this.replaceChildren(...(sentence ? [sentence] : []));
    this.#drawn = sentence;
    clearTimeout(this.#timer);
    if (typing.length > 0) this.#timer = setTimeout(() => this.#draw(this.context.store.state), Math.min(...typing.map(([, until]) => until)) - now);
  }
}

/**
 * The name of a member, if it is known.
 * @param {State} state
 * @param {string} conversationId
 * @param {string} userId
 */
function nameIn({ entries, memberships, threads }, conversationId, userId) {
  const other = entries?.find(({ conversation }) => conversation.id === conversationId)?.conversation.otherParticipant;
  const members = (memberships[conversationId]?.members ?? []).map(({ user }) => user);
  const authors = (threads[conversationId]?.messages ?? []).flatMap(({ author, notice }) => [...(author ? [author] : []), ...(notice?.users ?? [])]);
  const user = [other, ...members, ...authors].find((user) => user?.id === userId);
  return user ? nameOf(user) : undefined;
}

customElements.define("typing-line", TypingLine);
