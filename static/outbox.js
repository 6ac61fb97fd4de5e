/**
 * Messages on their way: drawn at once, kept in the browser until the server has them, sent in order
 * within each conversation by one tab at a time, and marked when they are refused.
 */

import * as api from "./api.js";
import { KeptDrafts } from "./kept-drafts.js";
import { backoff, pause } from "./lib/backoff.js";
import { whilePresent } from "./lib/presence.js";
import { inTurn } from "./lib/turns.js";
import { uuid } from "./lib/uuid.js";
import { isStill } from "./session.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Draft} Draft */

export class Outbox {
  #name;
  #kept;
  /** @type {Draft[]} as they are known in this tab alone: not on the disk yet, or where there is no room */
  #unkept = [];
  /** @type {Set<string>} client ids of those that are done with, while the disk still has them */
  #over = new Set();
  #keeping = Promise.resolve();
  #warns = false;
  /** @type {BroadcastChannel | null} tells the other tabs that something has changed */
  #channel = null;
  /** @type {Map<string, Promise<void>>} the last round of sending, by conversation */
  #rounds = new Map();
  #present = AbortSignal.abort();
  #hurry = new AbortController(); // ends the try and the pause of the moment

  /**
   * @param {string} userId whose messages these are
   * @param {import("./store.js").Store} store
   * @param {(error: unknown) => void} refused told of each try that failed
   * @param {AbortSignal} signal ends it; what has not been sent is kept
   */
  constructor(userId, store, refused, signal) {
    this.#name = `messenger.outbox.${userId}`;
    this.#kept = new KeptDrafts(userId);
    this.userId = userId;
    this.store = store;
    this.refused = refused;
    this.signal = signal;
    whilePresent((present) => this.#begin(present), signal);
    this.#hurryWhenLive();
  }

  /**
   * @param {string} conversationId
   * @param {string} content
   */
  send(conversationId, content) {
    const createdAt = new Date().toISOString();
    const draft = { conversationId, clientId: uuid(), content, createdAt, failure: null };
    this.#unkept.push(draft);
    this.store.dispatch({ type: "sending", draft });
    this.#keeping = this.#keeping.then(() => this.#keep(draft));
  }

  /**
   * It goes to the end of the line: those behind it have passed.
   * @param {Draft} draft one that failed
   */
  async retry(draft) {
    const again = { ...draft, failure: null };
    this.store.dispatch({ type: "sending", draft: again });
    await this.#kept.requeue(again).catch(() => {});
    if (this.#forget(draft)) this.#unkept.push(again);
    this.#changed(draft.conversationId);
  }

  /**
   * It stays in view until the disk has let go of it, or a reload might bring it back.
   * @param {Draft} draft one that failed
   */
  async discard(draft) {
    await this.#remove(draft);
    this.store.dispatch({ type: "discarded", draft });
    this.#changed(draft.conversationId);
  }

  /** How many have not been sent, those among them that this tab has not drawn yet. */
  async count() {
    return (await this.#all()).length;
  }

  /** Forgets what has not been sent. */
  async clear() {
    this.#unkept = [];
    await this.#kept.clear();
  }

  /**
   * What other tabs have written is drawn here too, and what they left behind is sent.
   * @param {AbortSignal} present
   */
  async #begin(present) {
    this.#present = present;
    this.#rounds = new Map();
    this.#listen(present);
    const drafts = await this.#look();
    for (const id of new Set(drafts.map((draft) => draft.conversationId))) this.#send(id);
  }

  /** @param {AbortSignal} present */
  #listen(present) {
    if (!globalThis.BroadcastChannel) return;
    const channel = new BroadcastChannel(this.#name);
    this.#channel = channel;
    channel.addEventListener("message", () => this.#look());
    present.addEventListener("abort", () => {
      channel.close();
      this.#channel = null;
    });
  }

  /**
   * A stream that comes alive tells that the server is there again; a try that began before may be
   * waiting on a connection that has died.
   */
  #hurryWhenLive() {
    let before = this.store.state.connection;
    this.store.subscribe(({ connection }) => {
      if (connection === "live" && before !== "live") {
        this.#hurry.abort();
        this.#hurry = new AbortController();
      }
      before = connection;
    }, this.signal);
  }

  /** @param {string} conversationId */
  #changed(conversationId) {
    this.#channel?.postMessage("changed");
    this.#send(conversationId);
    this.#look(); // what was read meanwhile may have been older
  }

  async #look() {
    const drafts = await this.#all();
    if (!this.signal.aborted) this.store.dispatch({ type: "drafts", drafts });
    return drafts;
  }

  /** @returns {Promise<Draft[]>} in the order of sending; what this tab knows is newer than the disk */
  async #all() {
    const kept = await this.#kept.all().catch(() => /** @type {Draft[]} */ ([]));
    const here = new Map(this.#unkept.map((draft) => [draft.clientId, draft]));
    const known = new Map([...kept.map((draft) => /** @type {const} */ ([draft.clientId, draft])), ...here]);
    return [...known.values()].filter((draft) => !this.#over.has(draft.clientId));
  }

  /** @param {Draft} draft */
  async #keep(draft) {
    if (!this.#unkept.includes(draft)) return; // sent already
    // Behind one that could not be kept, and must not be overtaken, it stays here too.
    const overtakes = this.#unkept.find(({ failure }) => failure === null) !== draft;
    const kept = overtakes ? Promise.reject() : this.#kept.add(draft);
    await kept.then(() => this.#forget(draft), () => this.#warn());
    this.#changed(draft.conversationId);
  }

  /** The browser keeps nothing, or has no room left: who leaves the page would lose what waits here. */
  #warn() {
    if (this.#warns) return;
    this.#warns = true;
    addEventListener("beforeunload", (event) => this.#unkept.length > 0 && event.preventDefault(), { signal: this.signal });
  }

  /**
   * Whether this tab was the one that knew it.
   * @param {Draft} draft
   */
  #forget({ clientId }) {
    const before = this.#unkept.length;
    this.#unkept = this.#unkept.filter((draft) => draft.clientId !== clientId);
    return this.#unkept.length < before;
  }

  /** @param {Draft} draft */
  async #remove(draft) {
    this.#forget(draft);
    this.#over.add(draft.clientId);
    await this.#kept.remove(draft.clientId).then(() => this.#over.delete(draft.clientId), () => {});
  }

  /** @param {string} conversationId */
  #send(conversationId) {
    const signal = this.#present;
    const before = this.#rounds.get(conversationId) ?? Promise.resolve();
    const round = () => inTurn(`${this.#name}.${conversationId}`, signal, (turn) => this.#sendAll(conversationId, turn));
    this.#rounds.set(conversationId, before.then(round).catch(console.error)); // the next round has its turn all the same
  }

  /**
   * Until the server has each or refuses it: the client id makes a repeat harmless.
   * @param {string} conversationId
   * @param {AbortSignal} turn
   */
  async #sendAll(conversationId, turn) {
    for (let failures = 0, draft; (draft = await this.#first(conversationId, turn)); ) {
      const problem = await this.#try(draft, turn);
      failures = problem ? failures + 1 : 0;
      if (problem) await this.#pause(Math.max(backoff(failures), problem.retryAfterSeconds * 1000), turn);
    }
  }

  /**
   * @param {number} milliseconds
   * @param {AbortSignal} turn
   */
  #pause(milliseconds, turn) {
    return pause(milliseconds, AbortSignal.any([turn, this.#hurry.signal]));
  }

  /**
   * The next one to send, looked for before each try: another tab may have sent or cleared it.
   * @param {string} conversationId
   * @param {AbortSignal} turn
   */
  async #first(conversationId, turn) {
    const drafts = await this.#all();
    if (turn.aborted || !isStill(this.userId)) return undefined;
    return drafts.find((draft) => draft.conversationId === conversationId && draft.failure === null);
  }

  /**
   * What stands in the way and may pass; null where there is no reason to pause.
   * @param {Draft} draft
   * @param {AbortSignal} turn
   */
  async #try(draft, turn) {
    const signal = AbortSignal.any([turn, this.#hurry.signal]);
    let message;
    try {
      message = await api.send(draft.conversationId, draft.content, draft.clientId, signal);
    } catch (error) {
      if (signal.aborted) return null;
      this.refused(error);
      if (error instanceof api.ApiProblem && !error.isFinal) return error;
      await this.#failed(draft, sentence(error));
      return null;
    }
    this.store.dispatch({ type: "sent", message });
    await this.#remove(draft);
    this.#channel?.postMessage("changed");
    return null;
  }

  /**
   * It steps aside.
   * @param {Draft} draft
   * @param {string} reason
   */
  async #failed(draft, reason) {
    const failed = { ...draft, failure: reason };
    this.store.dispatch({ type: "failed", draft, reason });
    const wasHere = this.#forget(draft);
    this.#unkept.push(failed);
    await this.#kept.replace(failed).then(() => wasHere || this.#forget(draft), () => this.#warn());
    this.#channel?.postMessage("changed");
  }
}

/** @param {unknown} error */
function sentence(error) {
  if (!(error instanceof api.ApiProblem)) return words.wentWrong;
  return error.errors.content ? words.message.refused : error.message;
}
