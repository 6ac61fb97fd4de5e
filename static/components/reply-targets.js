/** Fetches messages that replies answer, and that are not loaded. */

import * as api from "../api.js";

/** @typedef {import("./rows.js").Line} Line */

export class ReplyTargets {
  #conversationId;
  #context;
  #gone;
  /** @type {Set<string>} ids that were asked for; those that fail are asked for again after a reconnection */
  #asked = new Set();

  /**
   * @param {string} conversationId
   * @param {import("./context.js").Context} context
   * @param {AbortSignal} gone
   */
  constructor(conversationId, context, gone) {
    this.#conversationId = conversationId;
    this.#context = context;
    this.#gone = gone;
    let before = context.store.state;
    context.store.subscribe((state) => {
      const isBack = state.connection === "live" && before.connection !== "live";
      if (isBack || state.since !== before.since) this.#asked = new Set(Object.keys(state.targets)); // a reset drops them
      before = state;
    }, gone);
  }

  /** @param {Line[]} lines that are drawn */
  async fetchFor(lines) {
    for (const line of lines) {
      const id = line.kind === "message" && !line.message.deletedAt ? line.message.replyToId : line.kind === "draft" ? line.draft.replyToId : null;
      if (!id || this.#asked.has(id) || this.#gone.aborted || "repliedTo" in line) continue;
      this.#asked.add(id);
      await this.#fetch(id);
    }
  }

  /** @param {string} id */
  async #fetch(id) {
    try {
      const message = await api.message(this.#conversationId, id);
      this.#context.store.dispatch({ type: "target", id, message });
    } catch (error) {
      this.#context.refused(error);
      const isHidden = error instanceof api.ApiProblem && error.code === "not_found";
      if (isHidden) this.#context.store.dispatch({ type: "target", id, message: null });
    }
  }
}
