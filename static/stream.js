/**
 * The event stream, kept open. EventSource gives up for good at the first answer that is not 200,
 * and cannot tell a silent connection from a dead one: so reconnecting is done here, from the last
 * event's id, whatever happened.
 */

import { backoff, RETRY } from "./lib/backoff.js";

/** @typedef {import("./types.js").FeedEvent} FeedEvent */

const SILENCE = 2; // heartbeats without a sign of life
const HELLO_MILLISECONDS = 15_000; // the server says it at once, but networks are slow
const PROBE_MILLISECONDS = 3000; // where the last connection died without a word, others may have too:
const PROBES = 6; // as many as a browser keeps, and takes for alive, to one server
const LOOK_MILLISECONDS = 2000;
const DRAINING_FAILURES = 2; // as if so many: all others were told the same, and a start takes a while

/**
 * @typedef {object} Listener
 * @property {(event: FeedEvent) => void} event
 * @property {(position: string) => void} reset the feed does not reach back: snapshots must be fetched anew
 * @property {(status: import("./types.js").Connection) => void} connection
 * @property {() => boolean} isStill whether a request would be the same user's
 * @property {() => Promise<boolean>} mayGoOn asked when the server refused: false ends it for good
 */

export class Stream {
  /** @type {EventSource | null} */
  #source = null;
  #patience = HELLO_MILLISECONDS;
  #lastSign = now();
  #failures = 0;
  #silences = 0;
  /** @type {{timer: number, begun: Moment, milliseconds: number, refused: boolean} | null} until the next try */
  #pause = null;
  #ended = new AbortController();

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
   * Opens it anew if it has been silent for too long, or if the next try is overdue: timers stand
   * still while a machine sleeps, and are minutes late in a tab in the background.
   */
  look() {
    if (this.#source && since(this.#lastSign) >= this.#patience) {
      this.#silences += 1;
      this.listener.connection(status());
      this.#open();
    } else if (this.#pause && since(this.#pause.begun) >= this.#pause.milliseconds) this.#again();
  }

  /** Somebody does not want to wait for the next try. */
  hurry() {
    if (this.#pause) this.#again();
  }

  #watched() {
    this.look();
    if (document.visibilityState === "visible") this.hurry();
  }

  /**
   * What came after `position` comes once more.
   * @param {string} position
   */
  goBack(position) {
    this.position = position;
    if (this.#source) this.#open(); // else it is about to
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
    source.addEventListener("bye", (event) => this.#bye(event));
    source.addEventListener("message", (event) => this.#take(event, "message"));
    for (const name of /** @type {const} */ (["conversation", "user", "read"])) {
      source.addEventListener(name, (event) => this.#take(event, name));
    }
    const probes = this.#silences > 0 && this.#silences <= PROBES;
    this.#patience = probes ? PROBE_MILLISECONDS : HELLO_MILLISECONDS;
    this.#alive();
  }

  /** @param {MessageEvent} event */
  #hello(event) {
    this.#patience = JSON.parse(event.data).heartbeatSeconds * 1000 * SILENCE;
    this.position = event.lastEventId || this.position; // none where a reset follows
    this.#failures = 0;
    this.#silences = 0;
    this.#alive();
    this.listener.connection("live");
  }

  /** @param {MessageEvent} event */
  #reset(event) {
    this.#alive();
    this.position = event.lastEventId;
    this.listener.reset(this.position);
  }

  /**
   * The position first: an event that nobody here can read must not be sent for ever.
   * @param {MessageEvent} event
   * @param {FeedEvent["name"]} name
   */
  #take(event, name) {
    this.#alive();
    this.position = event.lastEventId;
    this.listener.event({ type: "event", id: event.lastEventId, name, data: JSON.parse(event.data) });
  }

  /** @param {MessageEvent} event */
  #bye(event) {
    if (JSON.parse(event.data).reason === "draining") this.#failures = DRAINING_FAILURES;
  }

  #alive() {
    this.#lastSign = now();
  }

  /**
   * Closed is a refusal (any status but 200), else the connection broke.
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
    else if (!this.#source && !this.#pause) this.#open(); // else something else has been quicker
  }

  #drop() {
    clearTimeout(this.#pause?.timer);
    this.#pause = null;
    this.#source?.close();
    this.#source = null;
  }
}

const status = () => (navigator.onLine ? "connecting" : "offline");

/** By two clocks: one that people may set, and one that stands still while a machine sleeps. @typedef {{wall: number, steady: number}} Moment */

/** @returns {Moment} */
const now = () => ({ wall: Date.now(), steady: performance.now() });

/** Milliseconds. @param {Moment} moment */
const since = ({ wall, steady }) => Math.max(Date.now() - wall, performance.now() - steady);
