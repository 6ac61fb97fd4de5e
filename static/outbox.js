/**
 * Messages on their way: drawn at once, kept in the browser until the server has them, sent in order
 * within each conversation by one tab at a time, and marked when they are refused.
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

const ADOPT_MILLISECONDS = 5000; // what another tab has sent and not stored by then, it may not have lived to store
const LOOK_AGAIN_MILLISECONDS = 5000; // where the browser's storage did not answer
const COUNT_MILLISECONDS = 500; // somebody who signs out waits no longer for the storage

/**
 * What the tabs tell each other: to look at the disk again, and which message is done with.
 * @typedef {{type: "changed"} | {type: "over", clientId: string}} Word
 */

export class Outbox {
  #name;
  #kept;
  #journal;
  /** @type {Draft[]} not in the database yet, or where it takes nothing: in the journal, if that has room */
  #unkept = [];
  /** @type {Set<string>} client ids of those that are done with, though the disk may still have them */
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
  #hurry = new AbortController(); // ends the try and the pause of the moment

  /**
   * @param {string} userId whose messages these are
   * @param {import("./store.js").Store} store
   * @param {(error: unknown) => void} refused told of each try that failed
   * @param {AbortSignal} signal ends it; what has not been sent is kept
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
   * Whether the message is on the disk when this returns; else the promise tells when it is, or cannot be.
   * @param {string} conversationId
   * @param {string} content
   * @returns {true | Promise<void>}
   */
  send(conversationId, content) {
    const createdAt = new Date().toISOString();
    const draft = { conversationId, clientId: uuid(), content, createdAt, failure: null };
    const isSafe = this.#hold(draft);
    this.store.dispatch({ type: "sending", draft });
    const kept = this.#keepInTurn(draft);
    return isSafe || kept;
  }

  /**
   * It goes to the end of the line: those behind it have passed.
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
    const known = this.store.state.drafts.length;
    const counted = this.#all().then(({ length }) => length);
    return Promise.race([counted, pause(COUNT_MILLISECONDS).then(() => known)]);
  }

  /** Forgets what has not been sent. */
  async clear() {
    this.#cleared = true;
    this.#unkept = [];
    this.#journal.clear();
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

  /** What is in the journal and not in the database yet, by whatever tab: this one sees to it, too. */
  #adopt() {
    const here = new Set(this.#unkept.map(({ clientId }) => clientId));
    for (const draft of this.#journal.all()) {
      if (here.has(draft.clientId) || this.#over.has(draft.clientId)) continue;
      this.#unkept.push(draft);
      this.#keepInTurn(draft);
    }
  }

  /** A tab that has put something there may end before it has stored it. */
  #adoptLater() {
    if (this.#adopting) return;
    this.#adopting = setTimeout(() => {
      this.#adopting = 0;
      if (!this.signal.aborted) this.#adopt();
    }, ADOPT_MILLISECONDS);
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
    this.#say({ type: "changed" });
    this.#send(conversationId);
    this.#look(); // what was read meanwhile may have been older
  }

  /** @param {Word} word */
  #say(word) {
    this.#channel?.postMessage(word);
  }

  /** Whether the disk could be read. */
  async #look() {
    const kept = await this.#read();
    const drafts = this.#merged(kept);
    if (!this.signal.aborted) this.store.dispatch({ type: "drafts", drafts });
    return kept !== null;
  }

  async #all() {
    return this.#merged(await this.#read());
  }

  /** What is on the disk; null where that does not answer. */
  #read() {
    return this.#kept.all().catch(() => null);
  }

  /**
   * What this tab knows is newer than the disk. What it has drawn it knows until it is told that this is over,
   * though the disk may have lost it: a repeat of what another tab has sent is harmless.
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
   * The disk has lost the first of these, and perhaps others.
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
   * Whether it is on the disk at once.
   * @param {Draft} draft
   */
  #hold(draft) {
    if (this.#cleared) return true; // with all that was to be discarded
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
    // Behind one that could not be kept, and must not be overtaken, it stays here too.
    const overtakes = this.#unkept.find(({ failure }) => failure === null) !== draft;
    const kept = overtakes ? Promise.reject() : this.#kept.add(draft);
    await kept.then(() => this.#forget(draft), () => {});
    this.#changed(draft.conversationId);
  }

  /** Neither the journal nor the database has room: leaving the page would lose what waits here. */
  #warn() {
    if (this.#warns) return;
    this.#warns = true;
    const atRisk = () => this.#unkept.some((draft) => !this.#journal.has(draft));
    addEventListener("beforeunload", (event) => atRisk() && event.preventDefault(), { signal: this.signal });
  }

  /**
   * Whether this tab was the one that knew it.
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
    this.#say({ type: "changed" });
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
