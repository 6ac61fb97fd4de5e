/**
 * Keeps the event stream open. EventSource gives up at the first answer that is not 200, and cannot distinguish a
 * silent connection from a dead one. So this module reconnects, after any failure, from the id of the last event.
 */

import { backoff, RETRY } from "./lib/backoff.js";
import { steps } from "./lib/ids.js";
import { EVENT_NAMES } from "./store.js";

/** @typedef {import("./types.js").FeedEvent} FeedEvent */

const SILENCE = 2; // heartbeats without an event
const HELLO_MILLISECONDS = 15_000; // the server sends it at once, but networks are slow
const PROBE_MILLISECONDS = 3000; // after a silent death of a connection, others may be dead too:
const PROBES = 6; // a browser keeps this many connections to a server, and believes they are alive
const LOOK_MILLISECONDS = 2000;
const DRAINING_FAILURES = 2; // counts as this many failures: all clients return, and a start takes a while

/**
 * @typedef {object} Listener
 * @property {(event: FeedEvent, after: string) => void} event with the position that it follows
 * @property {(typing: import("./types.js").Typing) => void} typing someone is typing now; such an event has no position
 * @property {(position: string) => void} reset the feed does not reach back: fetch new snapshots
 * @property {(status: import("./types.js").Connection, version?: string) => void} connection with the server's version when it is live
 * @property {() => boolean} isStill whether a request would still belong to the same user
 * @property {() => Promise<boolean>} mayGoOn called when the server refused; false ends the stream for good
 */

export class Stream {
  /** @type {EventSource | null} */
  #source = null;
  #patience = HELLO_MILLISECONDS;
  #lastSign = now();
  #failures = 0;
  #silences = 0;
  /** @type {{timer: number, begun: Moment, milliseconds: number, refused: boolean} | null} set until the next attempt */
  #pause = null;
  #ended = new AbortController();
  #doubted = ""; // the position after which numbers are missing

  /**
   * Opens at `position`, and stays until `close`.
   * @param {string} position
   * @param {Listener} listener
   */
  constructor(position, listener) {
    this.position = position;
    this.listener = listener;
    const options = { signal: this.#ended.signal };
    addEventListener("online", () => this.#open(), options);
    addEventListener(RETRY, () => this.hurry(), options);
    addEventListener("offline", () => this.#fail(), options);
    document.addEventListener("visibilitychange", () => this.#watched(), options);
    const timer = setInterval(() => this.look(), LOOK_MILLISECONDS);
    this.#ended.signal.addEventListener("abort", () => clearInterval(timer));
    this.#open();
  }

  /**
   * Reopens the stream if it was silent for too long, or if the next attempt is overdue. Timers stop while a machine
   * sleeps, and are minutes late in a background tab.
   */
  look() {
    if (this.#source && since(this.#lastSign) >= this.#patience) {
      this.#silences += 1;
      this.listener.connection(status());
      this.#open();
    } else if (this.#pause && since(this.#pause.begun) >= this.#pause.milliseconds) this.#again();
  }

  /** Tries again now. */
  hurry() {
    if (this.#pause) this.#again();
  }

  #watched() {
    this.look();
    if (document.visibilityState === "visible") this.hurry();
  }

  /**
   * Repeats the events after `position`.
   * @param {string} position
   */
  goBack(position) {
    this.position = position;
    if (this.#source) this.#open(); // else the next attempt starts there
  }

  close() {
    this.#ended.abort();
    this.#drop();
  }

  #open() {
    this.#drop();
    if (this.#ended.signal.aborted || !this.listener.isStill()) return;
    const query = new URLSearchParams({ last_event_id: this.position });
    const source = new EventSource(`/api/messages?${query}`);
    this.#source = source;
    source.addEventListener("error", () => this.#broken(source));
    source.addEventListener("hello", (event) => this.#hello(event));
    source.addEventListener("ping", () => this.#alive());
    source.addEventListener("reset", (event) => this.#reset(event));
    source.addEventListener("typing", (event) => this.#typing(event));
    source.addEventListener("bye", (event) => this.#bye(event));
    for (const name of EVENT_NAMES) source.addEventListener(name, (event) => this.#take(event, name));
    const probes = this.#silences > 0 && this.#silences <= PROBES;
    this.#patience = probes ? PROBE_MILLISECONDS : HELLO_MILLISECONDS;
    this.#alive();
  }

  /** @param {MessageEvent} event */
  #hello(event) {
    const { heartbeatSeconds, version = "" } = JSON.parse(event.data); // servers of 0.1.0 send no version
    this.#patience = heartbeatSeconds * 1000 * SILENCE;
    this.position = event.lastEventId || this.position; // empty if a reset follows
    this.#failures = 0;
    this.#silences = 0;
    this.#alive();
    this.listener.connection("live", version);
  }

  /** @param {MessageEvent} event */
  #reset(event) {
    this.#alive();
    this.position = event.lastEventId;
    this.listener.reset(this.position);
  }

  /**
   * Stores the position first, so that an event that fails is not sent again for ever. If numbers are missing before
   * it, asks once more: either an event was lost, or the server leaves out what the user may not see any more.
   * @param {MessageEvent} event
   * @param {FeedEvent["name"]} name
   */
  #take(event, name) {
    this.#alive();
    const after = this.position;
    const isGap = steps(after, event.lastEventId) > 1;
    if (isGap && this.#doubted !== after) {
      this.#doubted = after;
      return this.#open();
    }
    this.position = event.lastEventId;
    this.listener.event({ type: "event", id: event.lastEventId, name, data: JSON.parse(event.data) }, after);
  }

  /** @param {MessageEvent} event */
  #typing(event) {
    this.#alive();
    this.listener.typing(JSON.parse(event.data));
  }

  /** @param {MessageEvent} event */
  #bye(event) {
    if (JSON.parse(event.data).reason === "draining") this.#failures = DRAINING_FAILURES;
  }

  #alive() {
    this.#lastSign = now();
  }

  /**
   * Handles an error. CLOSED means a refusal (any status but 200); otherwise the connection broke.
   * @param {EventSource} source
   */
  #broken(source) {
    if (source === this.#source) this.#fail(source.readyState === EventSource.CLOSED);
  }

  #fail(refused = false) {
    this.#drop();
    this.#failures += 1;
    this.listener.connection(status());
    const milliseconds = backoff(this.#failures);
    const timer = setTimeout(() => this.#again(), milliseconds);
    this.#pause = { timer, begun: now(), milliseconds, refused };
  }

  async #again() {
    const refused = this.#pause?.refused;
    this.#drop();
    const go = !refused || (await this.listener.mayGoOn());
    if (!go) this.close();
    else if (!this.#source && !this.#pause) this.#open(); // else another call has opened it
  }

  #drop() {
    clearTimeout(this.#pause?.timer);
    this.#pause = null;
    this.#source?.close();
    this.#source = null;
  }
}

const status = () => (navigator.onLine ? "connecting" : "offline");

/** Two clocks: users can set the first, and the second may stop while a machine sleeps. @typedef {{wall: number, steady: number}} Moment */

/** @returns {Moment} */
const now = () => ({ wall: Date.now(), steady: performance.now() });

/** Milliseconds. @param {Moment} moment */
const since = ({ wall, steady }) => Math.max(Date.now() - wall, performance.now() - steady);
