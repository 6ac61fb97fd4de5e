/**
 * <conversation-view></conversation-view> with `conversationId`: one conversation, with its title, messages and
 * composer.
 */

import * as api from "../api.js";
import { backoff, pause, retryNow } from "../lib/backoff.js";
import { isLookedAt, whenLookedAt } from "../lib/presence.js";
import { el } from "../lib/dom.js";
import { compareIds, pathOfDetails } from "../lib/ids.js";
import { nameOfConversation } from "../lib/names.js";
import { pictureOf } from "./avatar.js";
import { Component, make } from "./context.js";
import "./message-list.js";
import { action, notice } from "./notice.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").State} State */

const USUAL_PAGE = 25; // messages; with more unread ones, the first page includes all of them
const READ_ABOVE = 10; // messages above the first unread one
const STALE_PAUSE_MILLISECONDS = 500; // before fetching again after an answer older than a reset

class ConversationView extends Component {
  conversationId = "";
  #title = el("h1", { tabindex: "-1", dir: "auto" });
  #count = document.createTextNode("");
  #about = el("a", { class: "about", hidden: true }, this.#count, el("span", { class: "visually-hidden" }, words.group.details));
  #with = el("div", { class: "who" }, this.#title);
  #header = el(
    "header",
    { class: "with" },
    el("a", { href: "/", class: "back", "aria-label": words.back }, "‹"),
    el("span", { class: "avatar", "aria-hidden": "true" }), // until the participant is known
    this.#with,
  );
  /** @type {import("../types.js").Conversation | null} */
  #drawn = null;
  #main = el("main", { class: "conversation" });
  /** @type {"loading" | "loaded" | "failed" | "not found" | "gone"} */
  #status = "loaded";
  /** @type {import("../types.js").Entry | undefined} the entry for which the server has no messages */
  #refused;
  #failures = 0;
  #isWaiting = false; // for the next attempt
  #wasLive = false;
  #isShown = false; // it was shown once, so later failures must not replace it
  #stale = el("p", { class: "stale", role: "status" });
  #looked = "0"; // the latest message of the other participant that was on the screen
  /** Part of later.js. Resolves with null if that failed; then app.js reloads the page. */
  #marker = import("./read-marker.js").then(
    ({ ReadMarker }) =>
      new ReadMarker(
        (messageId) => api.markRead(this.conversationId, messageId),
        (error) => this.#notMarked(error),
      ),
    () => null,
  );

  connected() {
    this.addEventListener("looked", (event) => this.#look(event), { signal: this.gone });
    this.addEventListener("compose", (event) => this.#compose(event), { signal: this.gone });
    this.#show();
    this.context.store.subscribe((state) => this.#draw(state), this.gone);
    whenLookedAt(() => this.#markRead(), this.gone);
    this.#load();
  }

  #show() {
    const given = { context: this.context, conversationId: this.conversationId };
    const parts = ["message-list", "typing-line", "refusal-line", "message-composer"].map((name) => make(name, given));
    this.#with.replaceChildren(this.#title, this.#about, make("connection-line", given));
    this.#header.querySelector("conversation-menu")?.remove();
    this.#header.append(make("conversation-menu", given));
    this.#main.replaceChildren(this.#header, this.#stale, ...parts);
    this.replaceChildren(this.#main);
  }

  /** Fetches what the state lacks. The stream keeps the rest up to date. */
  async #load() {
    const { entry, thread, isComplete } = this.#known(this.context.store.state);
    if (isComplete) return this.#complete();
    if (["loading", "not found", "gone"].includes(this.#status)) return;
    this.#status = "loading";
    try {
      await Promise.all([thread ?? this.#loadMessages(), entry ?? this.#loadConversation()]);
      this.#status = "loaded";
      this.#failures = 0;
      setTimeout(() => this.gone.aborted || this.#load(), STALE_PAUSE_MILLISECONDS);
    } catch (error) {
      this.context.refused(error);
      this.#fail(error);
    }
  }

  /** Handles that all data is there, from this or another request, or from an event. */
  #complete() {
    if (this.#isShown && this.#status === "loaded") return;
    if (!this.#main.isConnected) this.#show();
    this.#isShown = true;
    this.#stale.replaceChildren();
    if (this.#status === "loading") return; // a request is already under way
    this.#status = "loaded";
    this.#failures = 0;
  }

  async #loadLater() {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    await pause(backoff(this.#failures), this.gone);
    this.#isWaiting = false;
    if (!this.gone.aborted) this.#load();
  }

  async #loadConversation() {
    const snapshot = await api.conversation(this.conversationId);
    this.context.store.dispatch({ type: "conversation", snapshot });
  }

  async #loadMessages() {
    const unread = this.#known(this.context.store.state).entry?.conversation.unreadCount ?? 0;
    const limit = unread < USUAL_PAGE ? null : Math.min(unread + READ_ABOVE, api.LARGEST_PAGE);
    const snapshot = await api.messages(this.conversationId, limit);
    this.context.store.dispatch({ type: "messages", conversationId: this.conversationId, snapshot, older: false });
  }

  /** @param {State} state */
  #known(state) {
    const entry = state.entries?.find((entry) => entry.conversation.id === this.conversationId);
    const thread = state.threads[this.conversationId];
    return { entry, thread, isComplete: Boolean(entry && thread) };
  }

  /** @param {State} state */
  #draw(state) {
    const { entry, isComplete } = this.#known(state);
    if (entry && entry.conversation !== this.#drawn) this.#drawTitle(entry.conversation);
    const reason = state.gone[this.conversationId];
    if (reason) return this.#end(reason);
    if (entry && entry !== this.#refused && ["gone", "not found"].includes(this.#status)) this.#status = "loaded"; // a member again
    const isLive = state.connection === "live";
    const isBack = isLive && !this.#wasLive;
    this.#wasLive = isLive;
    if (isComplete) this.#complete();
    else if (isBack || (isLive && this.#status !== "failed")) this.#load(); // a reset dropped the data, or it could not be fetched before
  }

  /** @param {import("../types.js").Conversation} conversation */
  #drawTitle(conversation) {
    const { id, group, otherParticipant } = conversation;
    const name = nameOfConversation(conversation);
    if (otherParticipant !== this.#drawn?.otherParticipant || name !== this.#title.textContent) {
      this.#header.querySelector(".avatar")?.replaceWith(pictureOf(conversation));
      this.#title.textContent = name;
    }
    this.#drawn = conversation;
    this.#about.hidden = !group;
    if (group) this.#count.data = words.group.members(group.memberCount);
    this.#about.setAttribute("href", pathOfDetails(id));
  }

  /**
   * Ends the view of a group that the user has left, and shows what is unsent.
   * @param {import("../types.js").Gone["reason"]} reason
   */
  #end(reason) {
    if (this.#status === "gone") return;
    this.#status = "gone";
    this.#isShown = false;
    this.#replace(({ noLongerMember }) => noLongerMember(this.context, this.conversationId, reason));
  }

  /**
   * Shows a notice in place of the conversation.
   * @param {(module: typeof import("./gone.js")) => HTMLElement} place
   */
  async #replace(place) {
    const status = this.#status;
    const module = await import("./gone.js"); // few see it
    if (this.gone.aborted || this.#status !== status) return;
    const hadFocus = this.contains(document.activeElement);
    this.replaceChildren(place(module));
    if (hadFocus) this.querySelector("h1")?.focus({ preventScroll: true });
  }

  /** Begins a reply or an edit. @param {Event} event of message-list */
  #compose(event) {
    const { detail } = /** @type {CustomEvent} */ (event);
    /** @type {import("./message-composer.js").MessageComposer | null} */ (this.querySelector("message-composer"))?.begin?.(detail);
  }

  /** @param {Event} event of message-list */
  #look(event) {
    const { detail } = /** @type {CustomEvent<string>} */ (event);
    if (compareIds(detail, this.#looked) > 0) this.#looked = detail;
    this.#markRead();
  }

  /** Marks messages that were on the screen as read, if the user looks at the page. */
  #markRead() {
    const { entry } = this.#known(this.context.store.state);
    if (!entry || !isLookedAt()) return;
    if (compareIds(entry.conversation.lastReadMessageId ?? "0", this.#looked) >= 0) return;
    this.#marker.then((marker) => marker?.moveTo(this.#looked));
    const { conversationId } = this;
    this.context.store.dispatch({ type: "reading", conversationId, messageId: this.#looked });
  }

  /** @param {unknown} error */
  #notMarked(error) {
    this.context.refused(error);
    return !(error instanceof api.ApiProblem) || (error.isFinal && !error.isForeign);
  }

  /** @param {unknown} error */
  #fail(error) {
    const problem = error instanceof api.ApiProblem ? error : null;
    if (this.#status === "gone" || this.gone.aborted) return;
    this.#status = problem?.code === "not_found" ? "not found" : "failed"; // a 404 of a proxy has no such code
    if (this.#known(this.context.store.state).isComplete) return this.#complete();
    if (this.#status === "not found") {
      this.#refused = this.#known(this.context.store.state).entry;
      this.#replace(({ noSuchConversation }) => noSuchConversation(this.context, this.conversationId));
      return;
    }
    this.#failures += 1;
    this.#loadLater();
    const again = action(words.connection.retry, retryNow);
    if (!this.#isShown) this.replaceChildren(notice(words.cannotBeLoaded, problem?.message ?? words.wentWrong, again));
    else if (!this.#stale.hasChildNodes()) {
      again.className = "link";
      this.#stale.append(words.connection.notRenewed, " ", again);
    }
  }
}

customElements.define("conversation-view", ConversationView);
