/**
 * The event stream, kept open. EventSource gives up for good at the first answer that is not 200,
 * and cannot tell a silent connection from a dead one: so reconnecting is done here, from the last
 * event's id, whatever happened.
 */

import { backoff } from "./lib/backoff.js";

/** @typedef {import("./types.js").FeedEvent} FeedEvent */

const SILENCE = 2.5; // heartbeats without a sign of life

/**
 * @typedef {object} Listener
 * @property {(event: FeedEvent) => void} event
 * @property {(position: string) => void} reset the feed does not reach back: snapshots must be fetched anew
 * @property {(status: import("./types.js").Connection) => void} connection
 * @property {() => Promise<boolean>} mayGoOn asked when the server refused: false ends it for good
 */

export class Stream {
  /** @type {EventSource | null} */
  #source = null;
  #retry = 0;
  #watchdog = 0;
  #failures = 0;
  #heartbeat = 20_000;
  #lastSign = Date.now();
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
    addEventListener("offline", () => this.#fail(), options);
    addEventListener("pagehide", () => this.#drop(), options); // it would hold one of six connections
    addEventListener("pageshow", (event) => event.persisted && this.#open(), options);
    document.addEventListener("visibilitychange", () => this.#wake(), options);
    this.#open();
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
    if (this.#ended.signal.aborted) return;
    const query = new URLSearchParams({ last_event_id: this.position });
    const source = new EventSource(`/api/messages?${query}`);
    this.#source = source;
    source.addEventListener("error", () => this.#broken(source));
    source.addEventListener("hello", (event) => this.#hello(event));
    source.addEventListener("ping", () => this.#alive());
    source.addEventListener("reset", (event) => this.#reset(event));
    source.addEventListener("message", (event) => this.#take(event, "message"));
    for (const name of /** @type {const} */ (["conversation", "user", "read"])) {
      source.addEventListener(name, (event) => this.#take(event, name));
    }
    this.#alive();
  }

  /** @param {MessageEvent} event */
  #hello(event) {
    this.#heartbeat = JSON.parse(event.data).heartbeatSeconds * 1000;
    this.position = event.lastEventId || this.position; // none where a reset follows
    this.#failures = 0;
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

  #alive() {
    this.#lastSign = Date.now();
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#fail(), this.#heartbeat * SILENCE);
  }

  /** Timers stand still while a machine sleeps; its clock does not. */
  #wake() {
    if (document.visibilityState !== "visible") return;
    const silent = Date.now() - this.#lastSign > this.#heartbeat * SILENCE;
    if (this.#source === null || silent) this.#open();
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
    this.listener.connection(navigator.onLine ? "connecting" : "offline");
    this.#retry = setTimeout(() => this.#again(refused), backoff(this.#failures));
  }

  /** @param {boolean} refused */
  async #again(refused) {
    const retry = this.#retry;
    const go = !refused || (await this.listener.mayGoOn());
    if (!go) this.close();
    else if (retry === this.#retry) this.#open(); // else something else has opened it meanwhile
  }

  #drop() {
    clearTimeout(this.#retry);
    clearTimeout(this.#watchdog);
    this.#retry = 0;
    this.#source?.close();
    this.#source = null;
  }
}
