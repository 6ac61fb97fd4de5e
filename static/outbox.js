/** Messages on their way: drawn at once, sent in order within each conversation, marked when they fail. */

import * as api from "./api.js";
import { uuid } from "./lib/uuid.js";

/** @typedef {import("./types.js").Draft} Draft */

const PAUSE_MILLISECONDS = 2000;

export class Outbox {
  /** @type {Map<string, Promise<void>>} the last one on its way, by conversation */
  #lines = new Map();

  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.store = store;
  }

  /**
   * @param {string} conversationId
   * @param {string} content
   */
  send(conversationId, content) {
    this.#enqueue({
      conversationId,
      clientId: uuid(),
      content,
      createdAt: new Date().toISOString(),
      failure: null,
    });
  }

  /** @param {Draft} draft one that failed */
  retry(draft) {
    this.#enqueue({ ...draft, failure: null });
  }

  /** @param {Draft} draft */
  discard(draft) {
    this.store.dispatch({ type: "discarded", draft });
  }

  /** @param {Draft} draft */
  #enqueue(draft) {
    this.store.dispatch({ type: "sending", draft });
    const before = this.#lines.get(draft.conversationId) ?? Promise.resolve();
    this.#lines.set(
      draft.conversationId,
      before.then(() => this.#deliver(draft)),
    );
  }

  /**
   * Until the server has it or refuses it: the client id makes a repeat harmless.
   * @param {Draft} draft
   */
  async #deliver(draft) {
    const owner = this.store.state.me?.id;
    while (this.#isWaiting(draft) && this.store.state.me?.id === owner) {
      try {
        const message = await api.send(draft.conversationId, draft.content, draft.clientId);
        return this.store.dispatch({ type: "sent", message });
      } catch (error) {
        if (!(error instanceof api.ApiProblem) || isFinal(error.status)) {
          const reason = error instanceof api.ApiProblem ? error.message : "It could not be sent.";
          return this.store.dispatch({ type: "failed", draft, reason });
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
      }
    }
  }

  /** @param {Draft} draft */
  #isWaiting(draft) {
    return this.store.state.drafts.some((d) => d.clientId === draft.clientId && d.failure === null);
  }
}

/**
 * Whether no retry mends it.
 * @param {number} status
 */
function isFinal(status) {
  return status >= 400 && status < 500 && ![401, 408, 429].includes(status);
}
