/** Messages on their way: drawn at once, sent in order within each conversation, marked when they fail. */

import * as api from "./api.js";
import { backoff, pause } from "./lib/backoff.js";
import { uuid } from "./lib/uuid.js";

/** @typedef {import("./types.js").Draft} Draft */

export class Outbox {
  /** @type {Map<string, Promise<void>>} the last one on its way, by conversation */
  #lines = new Map();

  /**
   * @param {import("./store.js").Store} store
   * @param {(error: unknown) => void} refused told of each try that failed
   */
  constructor(store, refused) {
    this.store = store;
    this.refused = refused;
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
      before.then(() => this.#deliver(draft)).catch(console.error), // the next one has its turn, whatever happened
    );
  }

  /**
   * Until the server has it or refuses it: the client id makes a repeat harmless.
   * @param {Draft} draft
   */
  async #deliver(draft) {
    for (let failures = 1; this.#isWaiting(draft); failures += 1) {
      try {
        const message = await api.send(draft.conversationId, draft.content, draft.clientId);
        return this.store.dispatch({ type: "sent", message });
      } catch (error) {
        this.refused(error);
        const problem = error instanceof api.ApiProblem ? error : null;
        if (!problem || problem.isFinal) {
          const reason = problem?.message ?? "Something went wrong.";
          return this.store.dispatch({ type: "failed", draft, reason });
        }
        await pause(Math.max(backoff(failures), problem.retryAfterSeconds * 1000));
      }
    }
  }

  /** @param {Draft} draft */
  #isWaiting(draft) {
    return this.store.state.drafts.some((d) => d.clientId === draft.clientId && d.failure === null);
  }
}
