/**
 * Edits, deletions and reactions: draws them at once, and stores them until the server has confirmed them. One tab at a
 * time sends them. A refusal undoes what it refuses, and its reason is shown.
 */

import { words } from "./act-words.js";
import * as later from "./later-api.js";
import * as api from "./api.js";
import { IntentsStore } from "./intents-store.js";
import { backoff, pause } from "./lib/backoff.js";
import { whilePresent } from "./lib/presence.js";
import { inTurn } from "./lib/turns.js";
import { isStill } from "./session.js";
import { wishesOf, withoutWish, withWish } from "./state/intents.js";
import { words as common } from "./words.js";

/** @typedef {import("./types.js").Intent} Intent */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").Refusal} Refusal */
/** @typedef {import("./types.js").Wish} Wish */

/** Messages between tabs. @typedef {{type: "changed"} | {type: "refused", refusal: Refusal}} Word */

export class Intents {
  #name;
  #kept;
  #userId;
  #store;
  #refused;
  #signal;
  /** @type {Map<string, Intent>} by message id: those that are not in the database yet, or that it does not take */
  #unkept = new Map();
  /** @type {BroadcastChannel | null} */
  #channel = null;
  #present = AbortSignal.abort();
  #round = Promise.resolve();
  #hurry = new AbortController(); // aborts the current attempt and pause

  /**
   * @param {string} userId
   * @param {import("./store.js").Store} store
   * @param {(error: unknown) => void} refused called after each failed attempt
   * @param {AbortSignal} signal
   */
  constructor(userId, store, refused, signal) {
    this.#name = `messenger.intents.${userId}`;
    this.#kept = new IntentsStore(userId);
    this.#userId = userId;
    this.#store = store;
    this.#refused = refused;
    this.#signal = signal;
    whilePresent((present) => this.#begin(present), signal);
    this.#hurryWhenLive();
  }

  /**
   * Draws what the user wants, stores it and sends it.
   * @param {Message} message
   * @param {Wish} wish
   */
  async want(message, wish) {
    const now = new Date().toISOString();
    const change = (/** @type {Intent | undefined} */ before) => withWish(before, message, wish, now);
    const intent = change(this.#store.state.intents[message.id]);
    this.#unkept.set(message.id, intent);
    this.#store.dispatch({ type: "wanted", intent });
    const forget = () => this.#unkept.get(message.id) === intent && this.#unkept.delete(message.id);
    await this.#kept.change(message.id, change).then(forget, () => {});
    this.#say({ type: "changed" });
    this.#send();
  }

  /** Forgets the refusal that is shown. */
  dismiss() {
    this.#store.dispatch({ type: "refused", refusal: null });
  }

  /** Deletes all of them. */
  async clear() {
    this.#unkept.clear();
    await this.#kept.clear();
  }

  /** @param {AbortSignal} present */
  async #begin(present) {
    this.#present = present;
    this.#round = Promise.resolve();
    this.#listen(present);
    await this.#look();
    this.#send();
  }

  /** @param {AbortSignal} present */
  #listen(present) {
    if (!globalThis.BroadcastChannel) return;
    const channel = new BroadcastChannel(this.#name);
    this.#channel = channel;
    channel.addEventListener("message", ({ data }) => this.#hear(data));
    present.addEventListener("abort", () => {
      channel.close();
      this.#channel = null;
    });
  }

  /** @param {Word} word */
  #hear(word) {
    if (word.type === "refused") this.#store.dispatch({ type: "refused", refusal: word.refusal });
    this.#look();
  }

  /** @param {Word} word */
  #say(word) {
    this.#channel?.postMessage(word);
  }

  #hurryWhenLive() {
    let before = this.#store.state.connection;
    this.#store.subscribe(({ connection }) => {
      if (connection === "live" && before !== "live") {
        this.#hurry.abort();
        this.#hurry = new AbortController();
      }
      before = connection;
    }, this.#signal);
  }

  async #look() {
    const intents = await this.#all();
    if (!this.#signal.aborted) this.#store.dispatch({ type: "intents", intents });
  }

  /** @returns {Promise<Intent[]>} in the order of their last wishes */
  async #all() {
    const kept = await this.#kept.all().catch(() => []);
    const byMessage = new Map(kept.map((intent) => [intent.messageId, intent]));
    for (const [id, intent] of this.#unkept) byMessage.set(id, intent);
    return [...byMessage.values()].sort((a, b) => Number(a.wantedAt > b.wantedAt) - Number(a.wantedAt < b.wantedAt));
  }

  #send() {
    const signal = this.#present;
    const round = () => inTurn(this.#name, signal, (turn) => this.#sendAll(turn));
    this.#round = this.#round.then(round).catch(console.error); // an error must not stop the next round
  }

  /** @param {AbortSignal} turn */
  async #sendAll(turn) {
    for (let failures = 0, next; (next = await this.#next(turn)); ) {
      const problem = await this.#try(next.intent, next.wish, turn);
      failures = problem ? failures + 1 : 0;
      if (problem) await pause(Math.max(backoff(failures), problem.retryAfterSeconds * 1000), AbortSignal.any([turn, this.#hurry.signal]));
    }
  }

  /** The next wish, read before each attempt because the user or another tab may have changed it. @param {AbortSignal} turn */
  async #next(turn) {
    const [intent] = await this.#all();
    if (!intent || turn.aborted || !isStill(this.#userId)) return null;
    return { intent, wish: wishesOf(intent)[0] };
  }

  /**
   * Tries to send a wish. Resolves with an error that may pass, or null if there is no reason to pause.
   * @param {Intent} intent
   * @param {Wish} wish
   * @param {AbortSignal} turn
   */
  async #try(intent, wish, turn) {
    const signal = AbortSignal.any([turn, this.#hurry.signal]);
    const { conversationId, messageId } = intent;
    let message;
    try {
      message = await ask(intent, wish, signal);
    } catch (error) {
      if (signal.aborted) return null;
      this.#refused(error);
      if (error instanceof api.ApiProblem && !error.isFinal) return error;
      await this.#undo(intent, wish, error);
      return null;
    }
    const intents = await this.#without(intent, wish);
    this.#store.dispatch({ type: "fulfilled", conversationId, messageId, wish, message, intents });
    this.#say({ type: "changed" });
    return null;
  }

  /**
   * Undoes what the server has refused. After a conflict of versions, fetches the message.
   * @param {Intent} intent
   * @param {Wish} wish
   * @param {unknown} error
   */
  async #undo(intent, wish, error) {
    const { conversationId, messageId } = intent;
    const code = error instanceof api.ApiProblem ? error.code : "";
    if (code === "version") await this.#fetch(intent);
    const intents = await this.#without(intent, wish);
    const text = wish.kind === "edit" ? { content: wish.content } : {};
    const refusal = { conversationId, messageId, sentence: sentenceFor(error), ...text };
    this.#store.dispatch({ type: "refused", refusal, intents });
    this.#say({ type: "refused", refusal });
  }

  /** @param {Intent} intent */
  async #fetch({ conversationId, messageId }) {
    const message = await api.message(conversationId, messageId).catch(() => null);
    if (message) this.#store.dispatch({ type: "message", message });
  }

  /**
   * Removes a wish that the server has answered. Resolves with all that is left.
   * @param {Intent} intent
   * @param {Wish} wish
   */
  async #without({ messageId }, wish) {
    const unkept = this.#unkept.get(messageId);
    const left = unkept && withoutWish(unkept, wish);
    if (left) this.#unkept.set(messageId, left);
    else this.#unkept.delete(messageId);
    await this.#kept.change(messageId, (kept) => kept && withoutWish(kept, wish)).catch(() => {});
    return this.#all();
  }
}

/**
 * Sends a wish. Resolves with the message if the server answers with it.
 * @param {Intent} intent
 * @param {Wish} wish
 * @param {AbortSignal} signal
 * @returns {Promise<Message | null>}
 */
async function ask({ conversationId, messageId }, wish, signal) {
  if (wish.kind === "edit") return later.edit(conversationId, messageId, { content: wish.content, version: wish.version }, signal);
  if (wish.kind === "delete") await later.deleteMessage(conversationId, messageId, signal);
  else await later.react(conversationId, messageId, wish.emoji, wish.isWanted, signal);
  return null;
}

/** @param {unknown} error */
function sentenceFor(error) {
  if (!(error instanceof api.ApiProblem)) return common.wentWrong;
  return /** @type {Record<string, string>} */ (words.refusals)[error.code] ?? error.message;
}
