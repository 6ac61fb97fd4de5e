/** <sessions-view></sessions-view>: the user's sessions, with buttons to end them. */

import "../late-styles.js";
import * as api from "../api.js";
import * as later from "../later-api.js";
import { backoff, pause, retryNow } from "../lib/backoff.js";
import { deviceName } from "../lib/device.js";
import { el, onceAtATime } from "../lib/dom.js";
import { fullTime, shortTime } from "../lib/time.js";
import { Component } from "./context.js";
import { action, notice } from "./notice.js";
import { words } from "../words.js";

/** @typedef {import("../types.js").Session} Session */

class SessionsView extends Component {
  #title = el("h1", { tabindex: "-1" }, words.devices.title);
  #list = el("ul", { class: "sessions" });
  #said = el("p", { class: "hint", role: "status" });
  #error = el("p", { class: "error", role: "alert" });
  #failures = 0;
  #others = el("button", { type: "button", hidden: true }, words.devices.endOthers);

  connected() {
    this.#others.addEventListener("click", () => this.#endOthers(), { signal: this.gone });
    this.#load();
  }

  async #load() {
    try {
      const sessions = await later.sessions();
      if (this.gone.aborted) return;
      if (!this.#list.isConnected) this.#show();
      this.#draw(sessions);
      this.#failures = 0;
    } catch (error) {
      this.context.refused(error);
      if (!this.gone.aborted) this.#fail(error);
    }
  }

  async #loadLater() {
    this.#failures += 1;
    await pause(backoff(this.#failures), this.gone);
    if (!this.gone.aborted) this.#load();
  }

  #show() {
    const back = el("a", { href: "/settings", class: "back", "aria-label": words.backToSettings }, "‹");
    const lead = el("p", { class: "hint" }, words.devices.lead);
    const place = el("div", { class: "settings" }, lead, this.#list, this.#said, this.#error, this.#others);
    const isElsewhere = this.#failures > 0 && !this.contains(document.activeElement); // the user has moved on during a retry
    this.replaceChildren(el("main", { class: "place" }, el("header", { class: "with" }, back, this.#title), place));
    if (!isElsewhere) this.#title.focus({ preventScroll: true }); // as for every new place
  }

  /** @param {Session[]} sessions */
  #draw(sessions) {
    const [current, others] = [sessions.filter(isCurrent), sessions.filter((session) => !isCurrent(session))];
    this.#list.replaceChildren(...[...current, ...others].map((session) => this.#row(session)));
    this.#others.hidden = others.length === 0;
  }

  /** @param {Session} session */
  #row(session) {
    const name = deviceName(session.userAgent);
    const device = el("bdi", { class: "device", title: session.userAgent || null }, name);
    const seen = session.current ? [] : [el("span", {}, words.devices.lastSeen, time(session.lastSeenAt)), " · "];
    const times = el("p", { class: "hint" }, ...seen, el("span", {}, words.devices.signedIn, time(session.createdAt)));
    if (session.current) return el("li", {}, device, el("span", { class: "hint here" }, words.devices.current), times);
    const label = words.devices.endNamed(name);
    const end = el("button", { type: "button", class: "quiet", "aria-label": label }, words.devices.end);
    end.addEventListener("click", () => this.#end(session, end), { signal: this.gone });
    return el("li", {}, device, end, times);
  }

  /**
   * @param {Session} session
   * @param {HTMLButtonElement} button
   */
  async #end(session, button) {
    await this.#act(button, () => later.endSession(session.id), words.devices.ended(deviceName(session.userAgent)));
  }

  async #endOthers() {
    await this.#act(this.#others, later.endOtherSessions, words.devices.othersEnded);
  }

  /**
   * Runs a request, and fetches the list again after success or failure: a session may have ended meanwhile.
   * @param {HTMLButtonElement} button
   * @param {() => Promise<unknown>} ask
   * @param {string} done
   */
  async #act(button, ask, done) {
    this.#said.textContent = this.#error.textContent = "";
    await onceAtATime(button, () => ask().then(() => (this.#said.textContent = done), (error) => this.#refuse(error)));
    if (this.#error.textContent) return;
    this.#title.focus(); // the button disappears
    await this.#load();
  }

  /** @param {unknown} error */
  #refuse(error) {
    this.context.refused(error);
    if (!isGone(error)) this.#error.textContent = error instanceof api.ApiProblem ? error.message : words.wentWrong;
  }

  /** @param {unknown} error */
  #fail(error) {
    const sentence = error instanceof api.ApiProblem ? error.message : words.wentWrong;
    const told = this.querySelector(".notice p"); // the notice stays, because its button may have the focus
    if (told) told.textContent = sentence;
    else this.replaceChildren(notice(words.cannotBeLoaded, sentence, action(words.connection.retry, retryNow)));
    this.#loadLater();
  }
}

/** @param {Session} session */
const isCurrent = (session) => session.current;

/** @param {unknown} error */
const isGone = (error) => error instanceof api.ApiProblem && error.status === 404;

/** @param {string} at */
const time = (at) => el("time", { datetime: at, title: fullTime(at) }, shortTime(at));

customElements.define("sessions-view", SessionsView);
