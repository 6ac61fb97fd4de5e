/** <group-members></group-members> with `conversationId`: the members of a group, latest first, with their roles. */

import * as later from "../later-api.js";
import * as api from "../api.js";
import { backoff, pause } from "../lib/backoff.js";
import { el, onceAtATime, reconcile } from "../lib/dom.js";
import { nameIn, nameOf } from "../lib/names.js";
import { words } from "../words.js";
import { Component } from "./context.js";
import { sentenceFor } from "./group-refusals.js";
import { drawMember } from "./member-row.js";
import { asked } from "./question.js";

/** @typedef {import("../types.js").Member} Member */
/** @typedef {import("../types.js").Role} Role */

const SEARCHED_FROM = 20; // members; fewer are seen at a glance
const PAUSE_MILLISECONDS = 150; // longer than one key press, shorter than a word

class GroupMembers extends Component {
  conversationId = "";
  #title = el("h2", { tabindex: "-1" });
  #search = el("input", { id: "member-search", type: "search", placeholder: words.group.search, "aria-label": words.group.search, autocomplete: "off", hidden: true });
  #list = el("ul", { class: "members" });
  #more = el("button", { type: "button", class: "quiet more", hidden: true }, words.group.more);
  #said = el("p", { class: "hint", role: "status" });
  #error = el("p", { class: "error", role: "alert" });
  /** @type {Member[] | null} null: all members are shown */
  #found = null;
  #asked = new AbortController();
  #timer = 0;
  #isLoading = false;
  #opened = ""; // the id of the member whose options are shown

  connected() {
    const options = { signal: this.gone };
    this.replaceChildren(this.#title, this.#search, this.#said, this.#error, this.#list, this.#more);
    this.#search.addEventListener("input", () => this.#typed(), options);
    this.#search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault(), options);
    this.#more.addEventListener("click", () => onceAtATime(this.#more, () => this.#loadMore()), options);
    this.gone.addEventListener("abort", () => this.#asked.abort());
    this.context.store.subscribe(() => this.#draw(), this.gone);
  }

  get #group() {
    const entry = this.context.store.state.entries?.find(({ conversation }) => conversation.id === this.conversationId);
    return entry?.conversation.group;
  }

  get #membership() {
    return this.context.store.state.memberships[this.conversationId];
  }

  #draw() {
    const [group, membership] = [this.#group, this.#membership];
    if (!group) return;
    if (!membership || membership.isPartial) this.#load();
    this.#title.textContent = words.group.members(group.memberCount);
    this.#search.hidden = group.memberCount <= SEARCHED_FROM && this.#found === null;
    this.#more.hidden = this.#found !== null || !membership?.more;
    const { me } = this.context.store.state;
    reconcile(this.#list, this.#found ?? membership?.members ?? [], ({ user }) => user.id, (member, item) => {
      const isMe = member.user.id === me?.id;
      const ways = group.role === "admin" ? this.#ways(member, isMe) : [];
      drawMember(item, { member, isMe, ways, isOpen: this.#opened === member.user.id, toggle: () => this.#toggle(member) });
    });
  }

  /**
   * What an admin may do with a member.
   * @param {Member} member
   * @param {boolean} isMe
   * @returns {import("./member-row.js").Way[]}
   */
  #ways(member, isMe) {
    const { user, role } = member;
    const turned = role === "admin" ? "member" : "admin";
    const label = role === "member" ? words.group.makeAdmin : isMe ? words.group.stepDown : words.group.makeMember;
    const said = turned === "admin" ? words.group.promoted(nameOf(user)) : words.group.demoted(nameOf(user));
    /** @type {import("./member-row.js").Way} */
    const turn = { label, act: (button) => this.#act(button, () => later.giveRole(this.conversationId, user.id, turned), said, { ...member, role: turned }) };
    if (isMe) return [turn];
    return [turn, { label: words.group.remove, act: (button) => this.#remove(button, member), isDanger: true }];
  }

  /** @param {Member} member */
  #toggle({ user }) {
    this.#opened = this.#opened === user.id ? "" : user.id;
    this.#draw();
  }

  /**
   * @param {HTMLButtonElement} button
   * @param {Member} member
   */
  async #remove(button, { user }) {
    const name = nameOf(user);
    if (!(await asked(button, words.group.removeAsked(name), words.group.remove))) return;
    await this.#act(button, () => later.removeMember(this.conversationId, user.id), words.group.removed(name), null);
  }

  /**
   * Runs a request. Its notice then changes the state; without a live connection, fetches the members again.
   * @param {HTMLButtonElement} button
   * @param {() => Promise<unknown>} ask
   * @param {string} done
   * @param {Member | null} after the member; null: no member any more
   */
  async #act(button, ask, done, after) {
    this.#said.textContent = this.#error.textContent = "";
    const id = button.closest("li")?.dataset.key;
    try {
      await onceAtATime(button, ask);
    } catch (error) {
      this.context.refused(error);
      this.#error.textContent = sentenceFor(error);
      return;
    }
    this.#said.textContent = done;
    this.#opened = "";
    this.#found = this.#found?.flatMap((member) => (member.user.id === id ? (after ?? []) : member)) ?? null;
    if (this.context.store.state.connection !== "live") await this.#load();
    this.#draw();
    if (after === null) this.#title.focus(); // the row disappears
    else /** @type {HTMLElement | null} */ (this.#list.querySelector(`[data-key="${id}"] > .options`))?.focus();
  }

  /** Fetches the first members, until it succeeds. */
  async #load() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    for (let failures = 1; !this.gone.aborted; failures += 1) {
      try {
        const snapshot = await later.members(this.conversationId);
        this.#error.textContent = "";
        this.#isLoading = false;
        return this.context.store.dispatch({ type: "members", conversationId: this.conversationId, snapshot, older: false });
      } catch (error) {
        this.context.refused(error);
        if (error instanceof api.ApiProblem && error.code === "not_found") break; // `gone` follows
        if (!this.#membership) this.#error.textContent = sentenceFor(error);
        await pause(backoff(failures), this.gone);
      }
    }
  }

  async #loadMore() {
    const link = this.#membership?.more;
    if (!link) return;
    const known = this.#list.children.length;
    this.#error.textContent = "";
    try {
      const snapshot = await later.members(this.conversationId, link);
      this.context.store.dispatch({ type: "members", conversationId: this.conversationId, snapshot, older: true });
    } catch (error) {
      this.context.refused(error);
      this.#error.textContent = sentenceFor(error);
      return;
    }
    if (this.#more.hidden) /** @type {HTMLElement | undefined} */ (this.#list.children[known])?.focus();
  }

  #typed() {
    this.#asked.abort();
    clearTimeout(this.#timer);
    const search = nameIn(this.#search.value);
    if (search !== "") this.#timer = setTimeout(() => this.#find(search), PAUSE_MILLISECONDS);
    else this.#showFound(null, "");
  }

  /** @param {string} search */
  async #find(search) {
    const { signal } = (this.#asked = new AbortController());
    try {
      const found = await later.membersNamed(this.conversationId, search, signal);
      if (!signal.aborted) this.#showFound(found, found.length === 0 ? words.group.none(search) : words.search.found(found.length));
    } catch (error) {
      if (signal.aborted) return;
      this.context.refused(error);
      this.#error.textContent = sentenceFor(error);
    }
  }

  /**
   * @param {Member[] | null} found
   * @param {string} said
   */
  #showFound(found, said) {
    this.#found = found;
    this.#said.textContent = said;
    this.#error.textContent = "";
    this.#draw();
  }
}

customElements.define("group-members", GroupMembers);
