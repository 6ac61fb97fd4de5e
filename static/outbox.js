/**
 * The outbox: draws unsent messages at once, and stores them until the server has them. One tab at a time sends the
 * messages of a conversation, in order. It marks messages that the server refuses.
 */

import * as api from "./api.js";
import { Journal } from "./journal.js";
import { backoff, pause } from "./lib/backoff.js";
import { whilePresent } from "./lib/presence.js";
import { inTurn } from "./lib/turns.js";
import { uuid } from "./lib/uuid.js";
import { OutboxStore } from "./outbox-store.js";
import { isStill } from "./session.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Draft} Draft */

const ADOPT_MILLISECONDS = 5000; // after this time, the tab that wrote a journal entry may have ended before storing it
const LOOK_AGAIN_MILLISECONDS = 5000; // after the browser's storage did not answer
const COUNT_MILLISECONDS = 500; // a sign-out waits no longer for the storage

/**
 * Messages between tabs: the database has changed, or a draft is sent or discarded.
 * @typedef {{type: "changed"} | {type: "over", clientId: string}} Word
 */

export class Outbox {
  #name;
  #kept;
  #journal;
  /** @type {Draft[]} not in the database yet; in the journal, if that has space */
  #unkept = [];
  /** @type {Set<string>} client ids of sent or discarded drafts, which the database may still have */
  #over = new Set();
  #keeping = Promise.resolve();
  #warns = false;
  #adopting = 0;
  #cleared = false;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** @type {Map<string, Promise<void>>} the last round of sending, by conversation */
  #rounds = new Map();
  #present = AbortSignal.abort();
  #hurry = new AbortController(); // aborts the current attempt and pause

  /**
   * @param {string} userId the author of the messages
   * @param {import("./store.js").Store} store
   * @param {(error: unknown) => void} refused called after each failed attempt
   * @param {AbortSignal} signal ends the outbox; unsent messages stay in the database
   */
  constructor(userId, store, refused, signal) {
    this.#name = `messenger.outbox.${userId}`;
    this.#kept = new OutboxStore(userId);
    this.#journal = new Journal(userId);
    this.userId = userId;
    this.store = store;
    this.refused = refused;
    this.signal = signal;
    whilePresent((present) => this.#begin(present), signal);
    this.#hurryWhenLive();
  }

  /**
   * Sends a message. Returns true if it is on the disk already; else a promise that settles when it is, or cannot be.
   * @param {string} conversationId
   * @param {string} content
   * @param {string} [replyToId]
   * @returns {true | Promise<void>}
   */
  send(conversationId, content, replyToId) {
    const createdAt = new Date().toISOString();
    const draft = { conversationId, clientId: uuid(), content, createdAt, failure: null, ...(replyToId && { replyToId }) };
    const isSafe = this.#hold(draft);
    this.store.dispatch({ type: "sending", draft });
    const kept = this.#keepInTurn(draft);
    return isSafe || kept;
  }

  /**
   * Sends a failed message again, behind all others of its conversation.
   * @param {Draft} draft one that failed
   */
  async retry(draft) {
    const again = { ...draft, failure: null };
    this.store.dispatch({ type: "sending", draft: again });
    await this.#kept.requeue(again).catch(() => {});
    if (this.#forget(draft)) this.#hold(again);
    this.#changed(draft.conversationId);
  }

  /**
   * Discards a failed message. It stays visible until it is deleted from the disk, so that a reload cannot bring it back.
   * @param {Draft} draft one that failed
   */
  async discard(draft) {
    await this.#remove(draft);
    this.store.dispatch({ type: "discarded", draft });
    this.#changed(draft.conversationId);
  }

  /** The number of unsent messages, including those that this tab has not drawn yet. */
  async count() {
    const known = this.store.state.drafts.length;
    const counted = this.#all().then(({ length }) => length);
    return Promise.race([counted, pause(COUNT_MILLISECONDS).then(() => known)]);
  }

  /** Deletes all unsent messages. */
  async clear() {
    this.#cleared = true;
    this.#unkept = [];
    this.#journal.clear();
    await this.#kept.clear();
  }

  /**
   * Draws the messages of other tabs as well, and sends those that ended tabs left behind.
   * @param {AbortSignal} present
   */
  async #begin(present) {
    this.#present = present;
    this.#rounds = new Map();
    this.#listen(present);
    this.#adopt();
    while (!(await this.#look()) && !present.aborted) {
      this.#sendEach();
      await pause(LOOK_AGAIN_MILLISECONDS, present);
    }
    this.#sendEach();
  }

  #sendEach() {
    for (const id of new Set(this.store.state.drafts.map((draft) => draft.conversationId))) this.#send(id);
  }

  /** @param {AbortSignal} present */
  #listen(present) {
    this.#journal.watch(() => this.#adoptLater(), present);
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
    if (word.type === "over") {
      this.#over.add(word.clientId);
      this.#forget(word);
    }
    this.#look();
  }

  /** Stores the journal entries of all tabs in the database. */
  #adopt() {
    const here = new Set(this.#unkept.map(({ clientId }) => clientId));
    for (const draft of this.#journal.all()) {
      if (here.has(draft.clientId) || this.#over.has(draft.clientId)) continue;
      this.#unkept.push(draft);
      this.#keepInTurn(draft);
    }
  }

  /** Adopts another tab's entry later, in case that tab ends before it stores the entry. */
  #adoptLater() {
    if (this.#adopting) return;
    this.#adopting = setTimeout(() => {
      this.#adopting = 0;
      if (!this.signal.aborted) this.#adopt();
    }, ADOPT_MILLISECONDS);
  }

  /**
   * Tries again when the stream is live, because the server is reachable then. An earlier attempt may wait on a dead
   * connection.
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
    this.#say({ type: "changed" });
    this.#send(conversationId);
    this.#look(); // a read that began before may have older data
  }

  /** @param {Word} word */
  #say(word) {
    this.#channel?.postMessage(word);
  }

  /** Reads the database, and draws. Resolves with false if it does not answer. */
  async #look() {
    const kept = await this.#read();
    const drafts = this.#merged(kept);
    if (!this.signal.aborted) this.store.dispatch({ type: "drafts", drafts });
    return kept !== null;
  }

  async #all() {
    return this.#merged(await this.#read());
  }

  /** The drafts in the database; null if it does not answer. */
  #read() {
    return this.#kept.all().catch(() => null);
  }

  /**
   * Merges the database with this tab's newer drafts. A drawn draft stays until this tab learns that it is sent or
   * discarded, even if the database has lost it: sending a draft twice is harmless.
   * @param {Draft[] | null} kept
   * @returns {Draft[]} in the order of sending
   */
  #merged(kept) {
    const { drafts } = this.store.state;
    const drawn = (kept === null ? drafts : drafts.filter(isWaiting)).filter((draft) => !this.#over.has(draft.clientId));
    const known = new Set([...(kept ?? []), ...this.#unkept].map(({ clientId }) => clientId));
    const lost = drawn.findIndex(({ clientId }) => !known.has(clientId));
    if (kept !== null && lost >= 0) this.#restore(drawn.slice(lost));
    const inOrder = lost < 0 ? [...(kept ?? []), ...drawn] : [...drawn, ...(kept ?? [])];
    const newest = new Map([...inOrder, ...(kept ?? []), ...this.#unkept].map((draft) => [draft.clientId, draft]));
    return [...newest.values()].filter((draft) => !this.#over.has(draft.clientId));
  }

  /**
   * Stores drafts again that the database has lost.
   * @param {Draft[]} drawn
   */
  #restore(drawn) {
    if (this.signal.aborted) return;
    const here = new Set(this.#unkept.map(({ clientId }) => clientId));
    for (const draft of drawn) if (!here.has(draft.clientId)) this.#hold(draft);
    this.#keeping = this.#keeping.then(async () => {
      const waiting = drawn.filter((draft) => !this.#over.has(draft.clientId));
      await this.#kept.restore(waiting).then(() => waiting.forEach((draft) => this.#forget(draft)), () => {});
    });
  }

  /**
   * Writes a draft to the journal. Returns whether it is on the disk.
   * @param {Draft} draft
   */
  #hold(draft) {
    if (this.#cleared) return true; // after `clear`, nothing is stored
    this.#unkept.push(draft);
    const isSafe = this.#journal.put(draft);
    if (!isSafe) this.#warn();
    return isSafe;
  }

  /** @param {Draft} draft */
  #keepInTurn(draft) {
    return (this.#keeping = this.#keeping.then(() => this.#keep(draft)));
  }

  /** @param {Draft} draft */
  async #keep(draft) {
    if (!this.#unkept.includes(draft)) return; // sent already
    // A draft behind one that could not be stored also waits, to keep the order.
    const overtakes = this.#unkept.find(({ failure }) => failure === null) !== draft;
    const kept = overtakes ? Promise.reject() : this.#kept.add(draft);
    await kept.then(() => this.#forget(draft), () => {});
    this.#changed(draft.conversationId);
  }

  /** Warns that neither the journal nor the database has space: leaving the page loses messages. */
  #warn() {
    if (this.#warns) return;
    this.#warns = true;
    const atRisk = () => this.#unkept.some((draft) => !this.#journal.has(draft));
    addEventListener("beforeunload", (event) => atRisk() && event.preventDefault(), { signal: this.signal });
  }

  /**
   * Forgets a draft. Returns whether this tab knew it.
   * @param {{clientId: string}} draft
   */
  #forget({ clientId }) {
    const [here] = this.#unkept.filter((draft) => draft.clientId === clientId);
    this.#unkept = this.#unkept.filter((draft) => draft !== here);
    if (here) this.#journal.remove(here);
    return here !== undefined;
  }

  /** @param {Draft} draft */
  async #remove(draft) {
    this.#forget(draft);
    this.#journal.remove(draft);
    this.#over.add(draft.clientId);
    this.#say({ type: "over", clientId: draft.clientId });
    await this.#kept.remove(draft.clientId).catch(() => {});
  }

  /** @param {string} conversationId */
  #send(conversationId) {
    const signal = this.#present;
    const before = this.#rounds.get(conversationId) ?? Promise.resolve();
    const round = () => inTurn(`${this.#name}.${conversationId}`, signal, (turn) => this.#sendAll(conversationId, turn));
    this.#rounds.set(conversationId, before.then(round).catch(console.error)); // an error must not stop the next round
  }

  /**
   * Sends each message until the server stores or refuses it. The client id makes repeats harmless.
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
   * The next message to send. It is read before each attempt, because another tab may have sent or deleted it.
   * @param {string} conversationId
   * @param {AbortSignal} turn
   */
  async #first(conversationId, turn) {
    const drafts = await this.#all();
    if (turn.aborted || !isStill(this.userId)) return undefined;
    return drafts.find((draft) => draft.conversationId === conversationId && draft.failure === null);
  }

  /**
   * Tries to send. Resolves with an error that may pass, or null if there is no reason to pause.
   * @param {Draft} draft
   * @param {AbortSignal} turn
   */
  async #try(draft, turn) {
    const signal = AbortSignal.any([turn, this.#hurry.signal]);
    let message;
    try {
      message = await api.send(draft.conversationId, draft.content, draft.clientId, signal, draft.replyToId);
    } catch (error) {
      if (signal.aborted) return null;
      this.refused(error);
      if (error instanceof api.ApiProblem && !error.isFinal) return error;
      await this.#failed(draft, sentence(error));
      return null;
    }
    this.store.dispatch({ type: "sent", message });
    await this.#remove(draft);
    this.#say({ type: "changed" });
    return null;
  }

  /**
   * Marks a message as failed, so that the next ones can be sent.
   * @param {Draft} draft
   * @param {string} reason
   */
  async #failed(draft, reason) {
    const failed = { ...draft, failure: reason };
    this.store.dispatch({ type: "failed", draft, reason });
    const wasHere = this.#forget(draft);
    this.#hold(failed);
    await this.#kept.replace(failed).then(() => wasHere || this.#forget(draft), () => {});
    this.#say({ type: "changed" });
  }
}

/** @param {Draft} draft */
const isWaiting = ({ failure }) => failure === null;

/** @param {unknown} error */
function sentence(error) {
  if (!(error instanceof api.ApiProblem)) return words.wentWrong;
  return error.errors.content ? words.message.refused : error.message;
}
