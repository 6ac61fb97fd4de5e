/**
 * One event stream for all tabs of a browser, because a browser opens only six connections to a server.
 *
 * The tab that holds the lock leads: it keeps the stream open, and passes events to its followers. Each follower
 * knows its position, and accepts only an event that follows it. A follower that misses events announces its position,
 * and the leader's stream goes back to it. So no event is lost when a leader ends.
 */

import { RETRY } from "./lib/backoff.js";
import { steps } from "./lib/ids.js";
import { sharedLocks } from "./lib/locks.js";
import { whilePresent } from "./lib/presence.js";
import { Stream } from "./stream.js";

/** @typedef {import("./stream.js").Listener} Listener */
/** @typedef {import("./types.js").Connection} Connection */
/** @typedef {import("./types.js").FeedEvent} FeedEvent */

/**
 * Messages between tabs. The leader sends events, resets and its status. A follower sends its position, or that its user is waiting.
 * `after` is the position that the event follows: a replay may leave out numbers.
 * @typedef {{type: "event", event: FeedEvent, after: string}
 *   | {type: "reset", position: string}
 *   | {type: "leading", status: Connection, version?: string, position: string}
 *   | {type: "here", position: string}
 *   | {type: "hurry"}} Word
 */

const ASK_MILLISECONDS = 10_000; // between two checks of whether the leader runs
const HURRY_MILLISECONDS = 5000;
const ANSWER_MILLISECONDS = 2000; // a leader that takes longer sleeps, and another tab takes over

export class SharedStream {
  #name;
  #ended = new AbortController();
  /** @type {Stream | null} set while this tab leads */
  #stream = null;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** Tabs of earlier releases do not listen to this one. @type {BroadcastChannel | null} */
  #typing = null;
  #waiting = new AbortController(); // waits for the lock
  #release = () => {};
  /** @type {Connection} */
  #status = "connecting";
  /** @type {string | undefined} of the server, while the stream is live */
  #version;
  #toldAt = "";
  #leaderTimeout = 0;

  /**
   * @param {string} userId the user of these tabs
   * @param {string} position
   * @param {Listener} listener
   */
  constructor(userId, position, listener) {
    this.#name = `messenger.stream.${userId}`;
    this.position = position;
    this.listener = listener;
    whilePresent((present) => this.#come(present), this.#ended.signal);
  }

  close() {
    this.#ended.abort();
  }

  /** Whether this tab holds the stream. */
  get leads() {
    return this.#stream !== null;
  }

  /** @param {AbortSignal} present */
  #come(present) {
    present.addEventListener("abort", () => this.#go());
    this.listener.connection("connecting");
    if (!sharedLocks() || !globalThis.BroadcastChannel) {
      this.#lead(); // without channels, each tab has its own stream
      return;
    }
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.addEventListener("message", ({ data }) => this.#hear(data));
    this.#typing = new BroadcastChannel(`${this.#name}.typing`);
    this.#typing.addEventListener("message", ({ data }) => this.listener.typing(data));
    this.#join();
    const timers = [setInterval(() => this.#ask(), ASK_MILLISECONDS), setInterval(() => this.#hurry(), HURRY_MILLISECONDS)];
    present.addEventListener("abort", () => timers.forEach((timer) => clearInterval(timer)));
    addEventListener(RETRY, () => this.#say({ type: "hurry" }), { signal: present });
    document.addEventListener("visibilitychange", () => this.#ask(), { signal: present });
  }

  #go() {
    this.#waiting.abort();
    this.#trust();
    this.#retire();
    this.#release();
    this.#channel?.close();
    this.#typing?.close();
    this.#channel = this.#typing = null;
  }

  #join() {
    this.#queue();
    this.#say({ type: "here", position: this.position });
  }

  /** Notes that the leader runs. */
  #trust() {
    clearTimeout(this.#leaderTimeout);
    this.#leaderTimeout = 0;
  }

  /** @param {boolean} [steal] take the lock from a leader that does not answer */
  #queue(steal = false) {
    this.#waiting.abort();
    this.#waiting = new AbortController();
    const { signal } = this.#waiting;
    const hold = () => {
      if (signal.aborted) return undefined;
      this.#lead();
      return new Promise((/** @type {(value?: undefined) => void} */ resolve) => (this.#release = resolve));
    };
    sharedLocks()?.request(this.#name, steal ? { steal } : { signal }, hold).catch(() => {
      if (signal.aborted) return; // this tab has stopped waiting
      this.#retire();
      this.#join();
    });
  }

  #lead() {
    this.#trust();
    this.#connection("connecting"); // which also tells the others that there is a leader
    this.#stream = new Stream(this.position, {
      event: (event, after) => this.#pass({ type: "event", event, after }, () => this.#take(event, after)),
      typing: (typing) => {
        this.#typing?.postMessage(typing);
        this.listener.typing(typing);
      },
      reset: (position) => this.#pass({ type: "reset", position }, () => this.#reset(position)),
      connection: (status, version) => this.#connection(status, version),
      isStill: () => this.listener.isStill(),
      mayGoOn: () => this.listener.mayGoOn(),
    });
  }

  #retire() {
    this.#stream?.close();
    this.#stream = null;
  }

  /**
   * Sends to the other tabs first, so that an error in this tab does not affect them.
   * @param {Word} word
   * @param {() => void} act
   */
  #pass(word, act) {
    this.#say(word);
    act();
  }

  /**
   * @param {Connection} status
   * @param {string} [version]
   */
  #connection(status, version) {
    this.#status = status;
    this.#version = version;
    this.#tell();
    this.listener.connection(status, version);
  }

  #tell() {
    this.#say({ type: "leading", status: this.#status, version: this.#version, position: this.position });
  }

  /** @param {Word} word */
  #say(word) {
    this.#channel?.postMessage(word);
  }

  /** @param {Word} word */
  #hear(word) {
    if (word.type === "here") return this.#wait(word.position);
    if (word.type === "hurry") return this.#stream?.hurry();
    this.#trust();
    if (this.#stream) return; // a message from a former leader
    if (word.type === "event") this.#take(word.event, word.after);
    else if (word.type === "reset") this.#reset(word.position);
    else this.#follow(word);
  }

  /**
   * Goes back for a follower that misses events. The follower may be visible while this tab is hidden.
   * @param {string} position
   */
  #wait(position) {
    if (!this.#stream) return;
    this.#stream.look();
    if (steps(position, this.#stream.position) > 0) this.#stream.goBack(position);
    this.#tell();
  }

  /** @param {{status: Connection, version?: string, position: string}} leader */
  #follow({ status, version, position }) {
    this.#status = status;
    this.listener.connection(status, version);
    const missing = steps(this.position, position);
    if (missing > 0) this.#behind();
    else if (Number.isNaN(missing)) this.#reset(position);
  }

  /**
   * @param {FeedEvent} event
   * @param {string} [after] a leader of an earlier release does not tell
   */
  #take(event, after = "") {
    const ahead = steps(this.position, event.id);
    if (!(ahead > 0)) return; // known already
    const isNext = ahead === 1 || steps(this.position, after) <= 0;
    if (!isNext) return this.#behind();
    this.position = event.id;
    this.listener.event(event, after);
  }

  /** @param {string} position */
  #reset(position) {
    this.position = position;
    this.listener.reset(position);
  }

  /** Announces this tab's position, once for each position. */
  #behind() {
    if (this.#toldAt === this.position) return;
    this.#toldAt = this.position;
    if (this.#stream) this.#stream.goBack(this.position);
    else this.#say({ type: "here", position: this.position });
  }

  /** Asks the leader to try now, because this tab is visible: a hidden leader waits longer. */
  #hurry() {
    if (!this.#stream && this.#status !== "live" && document.visibilityState === "visible") this.#say({ type: "hurry" });
  }

  #ask() {
    if (this.#stream || this.#leaderTimeout) return;
    this.#toldAt = "";
    this.#say({ type: "here", position: this.position });
    this.#leaderTimeout = setTimeout(() => this.#queue(true), ANSWER_MILLISECONDS);
  }
}
