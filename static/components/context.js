/**
 * The context of every component: the state, and the actions.
 *
 * @typedef {object} Context
 * @property {import("../store.js").Store} store
 * @property {import("../drafts.js").Drafts} drafts
 * @property {Promise<unknown>} writing resolves when the outbox is there; the page reloads if that fails
 * @property {Pick<import("../intents.js").Intents, "want" | "dismiss"> | null} intents what the user wants of messages; set when `writing` has resolved
 * @property {{send: (conversationId: string, content: string, replyToId?: string) => true | Promise<void>, retry: (draft: Draft) => void, discard: (draft: Draft) => void, count: () => Promise<number>}} outbox set when `writing` has resolved
 * @property {Promise<Pick<import("../notifications.js").Notifications, "status" | "offered" | "turnOn" | "turnOff" | "subscribe">>} notifications
 * @property {(path: string) => void} navigate
 * @property {(user: import("../types.js").User) => void} signedIn
 * @property {() => Promise<void>} signOut
 * @property {(error: unknown) => void} refused handles a failed request, and the end of the session
 *
 * @typedef {import("../types.js").Draft} Draft
 */

/** An element with a context. Its listeners and subscriptions end when it leaves the page. */
export class Component extends HTMLElement {
  /** @type {Context} */
  context = /** @type {any} */ (this).context; // set before the element is connected, perhaps before it is defined
  #connected = new AbortController();

  /** Aborts when the element leaves the page. */
  get gone() {
    return this.#connected.signal;
  }

  connectedCallback() {
    this.#connected = new AbortController();
    this.connected();
  }

  disconnectedCallback() {
    this.#connected.abort();
  }

  /** Called when the element is connected. Draws, listens and subscribes with the signal `gone`. */
  connected() {}
}

/**
 * Creates a custom element, and sets its properties before it is connected.
 * @param {string} name
 * @param {{context: Context} & Record<string, unknown>} given
 * @returns {HTMLElement}
 */
export const make = (name, given) => Object.assign(document.createElement(name), given);
