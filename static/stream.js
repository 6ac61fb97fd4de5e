/**
 * The event stream, kept open: EventSource gives up for good at the first answer that is not 200,
 * so that reconnecting is done here, from the last event's id, whatever happened.
 */

/** @typedef {import("./types.js").FeedEvent} FeedEvent */

const SILENCE = 2.5; // heartbeats without a sign of life
const LONGEST_PAUSE_MILLISECONDS = 30_000;
const SHORTEST_PAUSE_MILLISECONDS = 500;

/**
 * @typedef {object} Listener
 * @property {(event: FeedEvent) => void} event
 * @property {() => void} reset the feed does not reach back: snapshots must be fetched anew
 * @property {(status: import("./types.js").Connection) => void} connection
 * @property {() => Promise<boolean>} mayGoOn asked when it fails: false ends it for good
 */

export class Stream {
  /** @type {EventSource | null} */
  #source = null;
  #timer = 0;
  #watchdog = 0;
  #failures = 0;
  #heartbeat = 20_000;
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
    addEventListener("pageshow", (event) => event.persisted && this.#open(), options);
    document.addEventListener("visibilitychange", () => this.#wake(), options);
    addEventListener("pagehide", () => this.#drop(), options);
    this.#open();
  }

  close() {
    this.#ended.abort();
    this.#drop();
  }

  #open() {
    this.#drop();
    const query = new URLSearchParams({ last_event_id: this.position });
    const source = new EventSource(`/api/messages?${query}`);
    this.#source = source;
    source.addEventListener("error", () => this.#fail());
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
    this.#failures = 0;
    this.#alive();
    this.listener.connection("live");
  }

  /** @param {MessageEvent} event */
  #reset(event) {
    this.#alive();
    this.position = event.lastEventId;
    this.listener.reset();
  }

  /**
   * @param {MessageEvent} event
   * @param {FeedEvent["name"]} name
   */
  #take(event, name) {
    this.#alive();
    this.position = event.lastEventId;
    this.listener.event({ type: "event", id: event.lastEventId, name, data: JSON.parse(event.data) });
  }

  #alive() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#fail(), this.#heartbeat * SILENCE);
  }

  /** A tab that slept cannot trust its timers: it starts over unless the stream has just spoken. */
  #wake() {
    if (document.visibilityState === "visible" && this.#source?.readyState !== EventSource.OPEN) this.#open();
  }

  /** Full jitter: thousands that lost the same server do not return in the same moment. */
  async #fail() {
    this.#drop();
    if (this.#ended.signal.aborted) return;
    this.listener.connection(navigator.onLine ? "connecting" : "offline");
    const longest = Math.min(LONGEST_PAUSE_MILLISECONDS, SHORTEST_PAUSE_MILLISECONDS * 2 ** this.#failures);
    this.#failures += 1;
    const pause = SHORTEST_PAUSE_MILLISECONDS + Math.random() * longest;
    this.#timer = setTimeout(async () => {
      if (await this.listener.mayGoOn()) this.#open();
      else this.close();
    }, pause);
  }

  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    this.#source?.close();
    this.#source = null;
  }
}
