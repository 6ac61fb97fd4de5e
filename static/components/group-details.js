/** <group-details></group-details> with `conversationId`: a group's name, its members, and the ways to change them. */

import "../late-styles.js";
import * as later from "../later-api.js";
import * as api from "../api.js";
import { backoff, pause, retryNow } from "../lib/backoff.js";
import { el, onceAtATime } from "../lib/dom.js";
import { pathOfConversation } from "../lib/ids.js";
import { words } from "../words.js";
import { Component, make } from "./context.js";
import { noLongerMember, noSuchConversation } from "./gone.js";
import "./group-adding.js";
import "./group-members.js";
import "./group-profile.js";
import { sentenceFor } from "./group-refusals.js";
import { action, notice } from "./notice.js";
import { asked } from "./question.js";

/** @typedef {import("../types.js").State} State */

class GroupDetails extends Component {
  /** @type {string} */
  conversationId = /** @type {any} */ (this).conversationId;
  #title = el("h1", { tabindex: "-1" }, words.group.title);
  #leave = el("button", { type: "button", class: "quiet danger" }, words.group.leave);
  #error = el("p", { class: "error", role: "alert" });
  #main = el("main", { class: "place" });
  #isLoading = false;
  #failures = 0;
  #isLeaving = false;

  connected() {
    this.#leave.addEventListener("click", () => this.#askAndLeave(), { signal: this.gone });
    this.context.store.subscribe((state) => this.#draw(state), this.gone);
  }

  /** @param {State} state */
  #draw({ entries, gone }) {
    const conversation = entries?.find((entry) => entry.conversation.id === this.conversationId)?.conversation;
    const reason = gone[this.conversationId];
    if (conversation?.group) this.#show();
    else if (conversation) this.#replace(() => noSuchConversation(this.context, this.conversationId));
    else if (reason && !this.#isLeaving) this.#replace(() => noLongerMember(this.context, this.conversationId, reason));
    else if (entries) this.#load();
  }

  #show() {
    if (this.#main.isConnected) return;
    const given = { context: this.context, conversationId: this.conversationId };
    const back = el("a", { href: pathOfConversation(this.conversationId), class: "back", "aria-label": words.group.back }, "‹");
    const parts = ["group-profile", "group-adding", "group-members"].map((name) => make(name, given));
    const place = el("div", { class: "settings group" }, ...parts, this.#leave, this.#error);
    const isElsewhere = this.#failures > 0 && !this.contains(document.activeElement); // the user has moved on during a retry
    this.#main.replaceChildren(el("header", { class: "with" }, back, this.#title), place);
    this.replaceChildren(this.#main);
    if (!isElsewhere) this.#title.focus({ preventScroll: true }); // as for every new place
  }

  /** @param {() => HTMLElement} place */
  #replace(place) {
    if (this.querySelector(".notice")) return;
    this.replaceChildren(place());
    this.querySelector("h1")?.focus({ preventScroll: true });
  }

  /** Fetches a conversation that is further down in the list. */
  async #load() {
    if (this.#isLoading || this.#isLeaving || this.querySelector(".notice a")) return;
    this.#isLoading = true;
    try {
      const snapshot = await api.conversation(this.conversationId);
      this.#isLoading = false;
      this.context.store.dispatch({ type: "conversation", snapshot });
    } catch (error) {
      this.context.refused(error);
      if (this.gone.aborted) return;
      const isGone = error instanceof api.ApiProblem && error.code === "not_found";
      if (isGone) this.#replace(() => noSuchConversation(this.context, this.conversationId));
      else await this.#loadLater(sentenceFor(error));
    }
  }

  /** @param {string} sentence */
  async #loadLater(sentence) {
    this.#failures += 1;
    if (!this.querySelector(".notice")) this.replaceChildren(notice(words.cannotBeLoaded, sentence, action(words.connection.retry, retryNow)));
    await pause(backoff(this.#failures), this.gone);
    this.#isLoading = false;
    if (!this.gone.aborted) this.#draw(this.context.store.state);
  }

  async #askAndLeave() {
    const { state } = this.context.store;
    const entry = state.entries?.find(({ conversation }) => conversation.id === this.conversationId);
    const isLast = entry?.conversation.group?.memberCount === 1;
    const isSure = await asked(this.#leave, isLast ? words.group.lastLeaves : words.group.leaveAsked, words.group.leave);
    if (isSure && state.me) await onceAtATime(this.#leave, () => this.#go(/** @type {any} */ (state.me).id));
  }

  /** @param {string} me */
  async #go(me) {
    this.#error.textContent = "";
    this.#isLeaving = true;
    try {
      await later.removeMember(this.conversationId, me);
      this.context.navigate("/");
    } catch (error) {
      this.#isLeaving = false;
      this.context.refused(error);
      this.#error.textContent = sentenceFor(error);
    }
  }
}

customElements.define("group-details", GroupDetails);
