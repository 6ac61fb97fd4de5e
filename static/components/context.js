/**
 * What every component is given: where the state is, and what may be done.
 *
 * @typedef {object} Context
 * @property {import("../store.js").Store} store
 * @property {import("../drafts.js").Drafts} drafts
 * @property {Promise<unknown>} writing the outbox is there, or the page begins anew
 * @property {{send: (conversationId: string, content: string) => true | Promise<void>, retry: (draft: Draft) => void, discard: (draft: Draft) => void, count: () => Promise<number>}} outbox comes with <message-composer>
 * @property {Promise<Pick<import("../notifications.js").Notifications, "status" | "offered" | "turnOn" | "turnOff" | "subscribe">>} notifications
 * @property {(path: string) => void} navigate
 * @property {(user: import("../types.js").User) => void} signedIn
 * @property {() => Promise<void>} signOut
 * @property {(error: unknown) => void} refused a request failed: where that ends the session, it is seen to
 *
 * @typedef {import("../types.js").Draft} Draft
 */

/** An element that is given its context, and whose listeners and subscriptions end with it. */
export class Component extends HTMLElement {
  /** @type {Context} */
  context = /** @type {any} */ (this).context; // set before the element is put into the page, or even defined
  #connected = new AbortController();

  /** Aborted when the element has left the page. */
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

  /** Draws, listens and subscribes, with `gone` as the signal. */
  connected() {}
}

/**
 * An element of the page's own, with what it needs set before it is connected.
 * @param {string} name
 * @param {{context: Context} & Record<string, unknown>} given
 * @returns {HTMLElement}
 */
export const make = (name, given) => Object.assign(document.createElement(name), given);
