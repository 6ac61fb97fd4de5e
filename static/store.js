/**
 * The page's state, and the one function that changes it.
 *
 * Snapshots, live events and the user's actions all go through `apply`. An event may arrive before or after the
 * snapshot that reflects it. So each fact has its position, and an event that it reflects is not applied again.
 * The modules in state/ change the parts of it.
 */

import { compareIds, countUpTo, reflects, steps } from "./lib/ids.js";
import { answered, counted, failed, isCountable, isStored, joined, laterState, mentions, messageAfter, messagesAfter, threadAfter, withAnswer, withNewest, without, withOlder, withWindowPage } from "./state/conversations.js";
import { fulfilled } from "./state/intents.js";
import * as lists from "./state/lists.js";

/** @typedef {import("./types.js").Action} Action */
/** @typedef {import("./types.js").Conversation} Conversation */
/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").FeedEvent} FeedEvent */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").State} State */

/** The events of a feed that `apply` knows. @type {Record<FeedEvent["name"], null>} */
const EVENTS = { message: null, change: null, reactions: null, conversation: null, gone: null, setting: null, user: null, read: null };
export const EVENT_NAMES = /** @type {FeedEvent["name"][]} */ (Object.keys(EVENTS));

const RECENT = 1000; // as many events as a stream replays, so that a late snapshot misses none

/** @type {State} */
export const EMPTY = {
  me: undefined,
  connection: "connecting",
  version: null,
  isPolled: false,
  entries: null,
  moreEntries: null,
  unreadElsewhere: 0,
  recount: false,
  threads: {},
  memberships: {},
  gone: {},
  windows: {},
  targets: {},
  typing: {},
  intents: {},
  refusal: null,
  drafts: [],
  unknown: [],
  recent: [],
  since: "",
};

/**
 * Returns the state after `action`. Pure.
 * @param {State} state
 * @param {Action} action
 * @returns {State}
 */
export function apply(state, action) {
  switch (action.type) {
    case "signed in":
      return { ...state, me: action.user };
    case "signed out":
      return { ...EMPTY, me: null };
    case "last seen":
      return lastSeen(state, action.seen);
    case "connection":
      return connected(state, action.status, action.version);
    case "polled":
      return { ...state, isPolled: true };
    case "listening":
      return listening(state, action.position);
    case "conversations":
      if (isStale(state, action.snapshot)) return state;
      return lists.recounted(state, withEntries(state, action.snapshot, action.older), action);
    case "conversation":
      if (isStale(state, action.snapshot)) return state;
      return lists.moved(state, withEntry(state, action.snapshot.body, action.snapshot.position));
    case "unread total":
      if (isStale(state, action.snapshot)) return state;
      return lists.recounted(state, state, { ...action, older: false });
    case "messages":
      if (isStale(state, action.snapshot)) return state;
      return withMessages(state, action.conversationId, action.snapshot, action.older);
    case "window":
      if (isStale(state, action.snapshot)) return state;
      return withWindow(state, action.conversationId, action.snapshot, action.way);
    case "window closed":
      return { ...state, windows: withValue(state.windows, action.conversationId, null) };
    case "target":
      return { ...state, targets: { ...state.targets, [action.id]: action.message } };
    case "message":
      return withMessage(state, action.message);
    case "typing":
      return withTyping(state, action.typing, action.until);
    case "intents":
      return withIntents(state, action.intents);
    case "wanted":
      return { ...state, intents: { ...state.intents, [action.intent.messageId]: action.intent } };
    case "fulfilled":
      return withIntents(withFulfilled(state, action), action.intents);
    case "refused":
      return { ...withIntents(state, action.intents), refusal: action.refusal };
    case "members":
      if (isStale(state, action.snapshot)) return state;
      return withMembers(state, action.conversationId, action.snapshot, action.older);
    case "drafts":
      if (state.drafts.length + action.drafts.length === 0) return state;
      return { ...state, drafts: action.drafts.filter((draft) => !isStored(state, draft)) };
    case "sending":
      return { ...state, drafts: [...without(state.drafts, action.draft.clientId), action.draft] };
    case "sent":
      return withSent(state, action.message);
    case "failed":
      return { ...state, drafts: failed(state.drafts, action.draft.clientId, action.reason) };
    case "discarded":
      return { ...state, drafts: without(state.drafts, action.draft.clientId) };
    case "reading":
      return withReading(state, action.conversationId, action.messageId);
    case "event":
      return lists.doubted(state, withEvent(state, action), action);
  }
}

/**
 * @param {State} state
 * @param {State["connection"]} connection
 * @param {string | null} [version]
 * @returns {State}
 */
function connected(state, connection, version = state.version) {
  return { ...state, connection, version, isPolled: state.isPolled && connection !== "live" };
}

/** Holds the state, and calls subscribers with each new one. */
export class Store {
  /** @type {State} */
  state = EMPTY;
  /** @type {Set<(state: State) => void>} */
  #subscribers = new Set();

  /** @param {Action} action */
  dispatch(action) {
    const before = this.state;
    this.state = apply(before, action);
    if (this.state === before) return;
    for (const subscriber of [...this.#subscribers]) {
      try {
        subscriber(this.state);
      } catch (error) {
        console.error(error); // an element that fails must not stop the others
      }
    }
  }

  /**
   * Calls `subscriber` now and at each change, until `signal` aborts.
   * @param {(state: State) => void} subscriber
   * @param {AbortSignal} signal
   */
  subscribe(subscriber, signal) {
    this.#subscribers.add(subscriber);
    signal.addEventListener("abort", () => this.#subscribers.delete(subscriber));
    subscriber(this.state);
  }
}

/**
 * Shows stored data, without a position. So the first answer of the server replaces it.
 * @param {State} state
 * @param {import("./last-seen.js").Seen} seen
 * @returns {State}
 */
function lastSeen(state, { user, conversations, threads }) {
  const entries = conversations.map((conversation) => ({ conversation, position: "" }));
  return { ...state, me: user, entries, threads: mapValues(threads, (messages) => ({ messages, position: "", older: null })) };
}

/**
 * Whether a snapshot is older than the start of the stream: the events in between are unknown.
 * @param {State} state
 * @param {{position: string}} snapshot
 */
function isStale({ since }, { position }) {
  if (since === "") return false;
  return !(steps(since, position) >= 0);
}

/**
 * Notes that the stream starts at `position`, first or after a reset. Drops older facts, because events are missing
 * between them and `position`.
 * @param {State} state
 * @param {string} position
 * @returns {State}
 */
function listening(state, position) {
  const next = { ...state, since: position, recent: [] };
  const threads = mapValues(state.threads, (thread) => (isStale(next, thread) ? null : thread));
  const memberships = mapValues(state.memberships, (membership) => (isStale(next, membership) ? null : membership));
  const windows = mapValues(state.windows, (window) => (isStale(next, window) ? null : window));
  return { ...next, threads, memberships, windows, targets: {} };
}

/**
 * @param {State} state
 * @param {FeedEvent} event
 * @returns {State}
 */
function withEvent(state, event) {
  const recent = [...state.recent.slice(1 - RECENT), event];
  let next = { ...state, recent };
  if (event.name === "conversation") return state.entries ? withEntry(next, event.data, event.id) : next;
  if (event.name === "message") {
    next = noteUnknown(next, event.data.conversationId);
    if (event.data.clientId) next.drafts = without(next.drafts, event.data.clientId);
    next.typing = untyped(next.typing, event.data);
  }
  if (event.name === "user" && event.data.id === state.me?.id) next.me = event.data;
  next.entries = next.entries && lists.entriesAfter(next.entries, event, state.me?.id);
  if (event.name === "gone") next = withGone(next, event.data);
  next.threads = mapValues(next.threads, (thread, id) => threadAfter(thread, id, event));
  next.memberships = mapValues(next.memberships, (membership, id) => lists.membershipAfter(membership, id, event));
  next.windows = mapValues(next.windows, (window, id) => windowAfter(window, id, event));
  next.targets = changedValues(next.targets, (message) => messageAfter(message, event));
  return next;
}

/**
 * A window gets no new messages, because others are missing between.
 * @param {import("./types.js").Window} window
 * @param {string} id
 * @param {FeedEvent} event
 */
function windowAfter(window, id, event) {
  if (event.name === "gone") return event.data.conversationId === id ? null : window;
  if (reflects(window.position, event.id)) return window;
  const messages = messagesAfter(window.messages, event);
  return messages === window.messages ? window : { ...window, messages };
}

/**
 * Notes that the user is no member any more, unless a later snapshot has the conversation again. Unsent messages stay,
 * so that their text is not lost.
 * @param {State} state
 * @param {import("./types.js").Gone} gone
 * @returns {State}
 */
function withGone(state, { conversationId, reason }) {
  if (state.entries?.some(({ conversation }) => conversation.id === conversationId)) return state;
  const unknown = state.unknown.filter((id) => id !== conversationId);
  return { ...state, unknown, gone: { ...state.gone, [conversationId]: reason } };
}

/**
 * Marks visible messages as read before the server confirms it, so that no count flashes up.
 * @param {State} state
 * @param {string} id
 * @param {string} messageId
 * @returns {State}
 */
function withReading(state, id, messageId) {
  const index = state.entries?.findIndex((entry) => entry.conversation.id === id) ?? -1;
  const thread = state.threads[id];
  if (!state.entries || index < 0 || !thread) return state;
  const entry = state.entries[index];
  const before = entry.conversation.lastReadMessageId;
  if (before && compareIds(before, messageId) >= 0) return state;
  const unread = thread.messages.slice(countUpTo(thread.messages, messageId)).filter(isCountable);
  const mentioned = unread.filter((message) => mentions(message, state.me?.id));
  const conversation = counted({ ...entry.conversation, lastReadMessageId: messageId }, unread.length, mentioned.length);
  return { ...state, entries: state.entries.with(index, { ...entry, conversation }) };
}

/**
 * @param {State} state
 * @param {import("./types.js").Snapshot<Conversation[]>} snapshot
 * @param {boolean} older
 * @returns {State}
 */
function withEntries(state, { body, position, next }, older) {
  const page = body.map((conversation) => ({ conversation, position }));
  const known = (state.entries ?? []).filter((entry) => older || !isStale(state, entry));
  const listed = older ? lists.continued(known, page) : lists.refreshed(known, page, state.recent, position, next !== null);
  const entries = state.recent.reduce((before, event) => lists.entriesAfter(before, event, state.me?.id), listed);
  return held({ ...state, moreEntries: next }, entries);
}

/**
 * @param {State} state
 * @param {Conversation} conversation
 * @param {string} position
 * @returns {State}
 */
function withEntry(state, conversation, position) {
  const known = state.entries ?? [];
  const index = known.findIndex((entry) => entry.conversation.id === conversation.id);
  if (index >= 0 && reflects(known[index].position, position)) return state;
  const entry = lists.entrySince({ conversation, position }, state.recent, state.me?.id);
  if (!entry) return state; // the user has left it since
  const entries = index >= 0 ? known.with(index, entry) : lists.placed(known, entry, lists.toldSince(state.recent, conversation.id));
  return held(state, entries);
}

/**
 * @param {State} state
 * @param {Entry[]} entries
 * @returns {State}
 */
function held(state, entries) {
  const ids = new Set(entries.map(({ conversation }) => conversation.id));
  const gone = Object.fromEntries(Object.entries(state.gone).filter(([id]) => !ids.has(id)));
  return { ...state, entries, gone, unknown: state.unknown.filter((id) => !ids.has(id)) };
}

/**
 * @param {State} state
 * @param {string} id
 * @param {import("./types.js").Snapshot<Message[]>} snapshot newest first
 * @param {boolean} older
 * @returns {State}
 */
function withMessages(state, id, snapshot, older) {
  const known = state.threads[id];
  if (older && !known) return state; // the messages that it continues were dropped
  const thread = older ? withOlder(known, id, snapshot, state.recent) : withNewest(known, id, snapshot, state.recent);
  const stored = new Set(snapshot.body.map((message) => message.clientId));
  const drafts = state.drafts.filter((draft) => !stored.has(draft.clientId));
  return { ...state, drafts, threads: withValue(state.threads, id, thread) };
}

/**
 * @param {State} state
 * @param {string} id
 * @param {import("./types.js").Snapshot<Message[]>} snapshot newest first
 * @param {"around" | "older" | "newer"} way
 * @returns {State}
 */
function withWindow(state, id, snapshot, way) {
  const thread = state.threads[id];
  if (!thread || (way !== "around" && !state.windows[id])) return state; // what it continues was dropped
  const window = withWindowPage(state.windows[id], id, snapshot, way, state.recent);
  const whole = joined(thread, window);
  if (!whole) return { ...state, windows: { ...state.windows, [id]: window } };
  return { ...state, threads: { ...state.threads, [id]: whole }, windows: withValue(state.windows, id, null) };
}

/**
 * A message that was fetched alone.
 * @param {State} state
 * @param {Message} message
 * @returns {State}
 */
function withMessage(state, message) {
  return changedMessage(state, message.conversationId, message.id, (known) => laterState(known, message));
}

/**
 * Changes a message wherever it stands.
 * @param {State} state
 * @param {string} conversationId
 * @param {string} id
 * @param {(known: Message) => Message} change
 * @returns {State}
 */
function changedMessage(state, conversationId, id, change) {
  const one = (/** @type {Message} */ message) => (message.id === id ? change(message) : message);
  /** @template {{messages: Message[]}} T @param {T} stretch @param {string} key */
  const among = (stretch, key) => (key === conversationId ? { ...stretch, messages: stretch.messages.map(one) } : stretch);
  const entries = (state.entries ?? []).map((entry) => {
    const { lastMessage } = entry.conversation;
    return lastMessage?.id === id ? { ...entry, conversation: { ...entry.conversation, lastMessage: change(lastMessage) } } : entry;
  });
  return {
    ...state,
    entries: state.entries && entries,
    threads: mapValues(state.threads, among),
    windows: mapValues(state.windows, among),
    targets: changedValues(state.targets, (message) => message && one(message)),
  };
}

/**
 * @param {State} state
 * @param {import("./types.js").Typing} typing
 * @param {number} until
 * @returns {State}
 */
function withTyping(state, { conversationId, userId }, until) {
  return { ...state, typing: { ...state.typing, [conversationId]: { ...state.typing[conversationId], [userId]: until } } };
}

/**
 * @param {State["typing"]} typing
 * @param {Message} message of someone who counts no longer as typing
 */
function untyped(typing, { conversationId, userId }) {
  const known = typing[conversationId];
  return known && userId in known ? { ...typing, [conversationId]: withValue(known, userId, null) } : typing;
}

/**
 * @param {State} state
 * @param {import("./types.js").Intent[]} [intents]
 * @returns {State}
 */
function withIntents(state, intents) {
  if (!intents) return state;
  if (intents.length === 0 && Object.keys(state.intents).length === 0) return state;
  return { ...state, intents: Object.fromEntries(intents.map((intent) => [intent.messageId, intent])) };
}

/**
 * @param {State} state
 * @param {Extract<Action, {type: "fulfilled"}>} action
 * @returns {State}
 */
function withFulfilled(state, { conversationId, messageId, wish, message }) {
  const change = (/** @type {Message} */ known) => (message ? answered(known, message) : fulfilled(known, wish, state.me?.id));
  return changedMessage(state, conversationId, messageId, change);
}

/**
 * @param {State} state
 * @param {string} id
 * @param {import("./types.js").Snapshot<import("./types.js").Member[]>} snapshot
 * @param {boolean} older
 * @returns {State}
 */
function withMembers(state, id, snapshot, older) {
  const membership = lists.withPage(state.memberships[id], id, snapshot, older, state.recent);
  return { ...state, memberships: withValue(state.memberships, id, membership) };
}

/**
 * @param {State} state
 * @param {Message} message
 * @returns {State}
 */
function withSent(state, message) {
  const id = message.conversationId;
  const drafts = without(state.drafts, message.clientId);
  const threads = mapValues(state.threads, (thread, key) => (key === id ? withAnswer(thread, message) : thread));
  const known = state.entries?.find((entry) => entry.conversation.id === id);
  const last = known?.conversation.lastMessage;
  if (!known || (last && compareIds(last.id, message.id) >= 0)) return { ...state, drafts, threads }; // its event arrived first
  const sent = { ...known, conversation: { ...known.conversation, lastMessage: answered(undefined, message) } };
  const others = (state.entries ?? []).filter((entry) => entry !== known);
  return { ...state, drafts, threads, entries: lists.placed(others, sent, () => true) };
}

/**
 * @param {State} state
 * @param {string} conversationId
 * @returns {State}
 */
function noteUnknown(state, conversationId) {
  const known = state.entries?.some((entry) => entry.conversation.id === conversationId) ?? true;
  if (known || state.unknown.includes(conversationId)) return state;
  return { ...state, unknown: [...state.unknown, conversationId] };
}

/**
 * @template T
 * @param {Record<string, T>} record
 * @param {string} key
 * @param {T | null} value null: without it
 * @returns {Record<string, T>}
 */
function withValue(record, key, value) {
  if (value !== null) return { ...record, [key]: value };
  const others = { ...record };
  delete others[key];
  return others;
}

/**
 * Changes each value, which may be null.
 * @template T
 * @param {Record<string, T>} record
 * @param {(value: T) => T} change
 * @returns {Record<string, T>} the same object if nothing has changed
 */
function changedValues(record, change) {
  const entries = Object.entries(record).map(([key, value]) => /** @type {const} */ ([key, change(value)]));
  return entries.some(([key, value]) => value !== record[key]) ? Object.fromEntries(entries) : record;
}

/**
 * Changes each value; null removes it.
 * @template {object} T
 * @template {object} U
 * @param {Record<string, T>} record
 * @param {(value: T, key: string) => U | null} change
 * @returns {Record<string, U>}
 */
function mapValues(record, change) {
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]) => {
      const changed = change(value, key);
      return changed === null ? [] : [[key, changed]];
    }),
  );
}
