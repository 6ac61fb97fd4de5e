/**
 * The page's state, and the one function that changes it.
 *
 * Snapshots, live events and the user's actions all go through `apply`. An event may arrive before or after the
 * snapshot that reflects it. So each fact has its position, and an event that it reflects is not applied again.
 */

import { compareIds, countUpTo, reflects, steps } from "./lib/ids.js";

/** @typedef {import("./types.js").Action} Action */
/** @typedef {import("./types.js").Conversation} Conversation */
/** @typedef {import("./types.js").Draft} Draft */
/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").FeedEvent} FeedEvent */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").Thread} Thread */

/** The events of a feed that `apply` knows. @type {Record<FeedEvent["name"], null>} */
const EVENTS = { message: null, reactions: null, setting: null, conversation: null, user: null, read: null, change: null, gone: null };
export const EVENT_NAMES = /** @type {FeedEvent["name"][]} */ (Object.keys(EVENTS));

const MOST_UNREAD = 1000; // the server counts no further
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
      return recounted(state, withEntries(state, action.snapshot, action.older), action);
    case "conversation":
      if (isStale(state, action.snapshot)) return state;
      return moved(state, withEntry(state, action.snapshot.body, action.snapshot.position));
    case "unread total":
      if (isStale(state, action.snapshot)) return state;
      return recounted(state, state, { ...action, older: false });
    case "messages":
      if (isStale(state, action.snapshot)) return state;
      return withMessages(state, action.conversationId, action.snapshot, action.older);
    case "drafts":
      if (state.drafts.length + action.drafts.length === 0) return state;
      return { ...state, drafts: action.drafts.filter((draft) => !isStored(state, draft)) };
    case "sending":
      return { ...state, drafts: [...without(state.drafts, action.draft.clientId), action.draft] };
    case "sent":
      return withSent(state, action.message);
    case "failed":
      return {
        ...state,
        drafts: state.drafts.map((draft) =>
          draft.clientId === action.draft.clientId ? { ...draft, failure: action.reason } : draft,
        ),
      };
    case "discarded":
      return { ...state, drafts: without(state.drafts, action.draft.clientId) };
    case "reading":
      return withReading(state, action.conversationId, action.messageId);
    case "event":
      return doubted(state, withEvent(state, action), action);
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
 * Updates the unread count beyond the list. The first page has the total; each further page reduces the rest.
 * @param {State} before
 * @param {State} after
 * @param {{snapshot: import("./types.js").Snapshot<Conversation[]>, older: boolean}} page
 * @returns {State}
 */
function recounted(before, after, { snapshot, older }) {
  if (older) return { ...after, unreadElsewhere: Math.max(0, before.unreadElsewhere - unreadIn(added(before, after))) };
  const total = snapshot.unreadTotal ?? 0;
  const counts = new Map(snapshot.body.map(({ id, unreadCount }) => [id, unreadCount]));
  const held = (after.entries ?? []).map(({ conversation }) => counts.get(conversation.id) ?? conversation.unreadCount);
  const here = held.reduce((sum, count) => sum + count, 0);
  return { ...after, unreadElsewhere: Math.max(0, total - here), recount: false };
}

/**
 * Reduces the unread count beyond the list when a single conversation joins the list.
 * @param {State} before
 * @param {State} after
 * @returns {State}
 */
function moved(before, after) {
  const unread = unreadIn(added(before, after));
  if (unread === 0 || before.entries === null) return after;
  return { ...after, unreadElsewhere: Math.max(0, before.unreadElsewhere - unread), recount: true };
}

/**
 * Requests a new count when the user reads a conversation beyond the list, or when the total was 1000 or more: the server
 * counts no further.
 * @param {State} before
 * @param {State} after
 * @param {FeedEvent} event
 * @returns {State}
 */
function doubted(before, after, event) {
  if (event.name !== "read" || event.data.userId !== before.me?.id || before.unreadElsewhere === 0) return after;
  const isHeld = before.entries?.some(({ conversation }) => conversation.id === event.data.conversationId);
  const total = before.unreadElsewhere + unreadIn(before.entries ?? []);
  return isHeld && total < MOST_UNREAD ? after : { ...after, recount: true };
}

/**
 * @param {State} before
 * @param {State} after
 */
function added({ entries: before }, { entries: after }) {
  const known = new Set((before ?? []).map(({ conversation }) => conversation.id));
  return (after ?? []).filter(({ conversation }) => !known.has(conversation.id));
}

/** @param {Entry[]} entries */
const unreadIn = (entries) => entries.reduce((sum, { conversation }) => sum + conversation.unreadCount, 0);

/**
 * The list for display: an unsent message counts as the last message of its conversation.
 * @param {State} state
 * @returns {Entry[] | null}
 */
export function listed({ entries, drafts }) {
  if (!entries || drafts.length === 0) return entries;
  return drafts.reduce((list, { conversationId, content, createdAt, clientId }) => {
    const entry = list.find(({ conversation }) => conversation.id === conversationId);
    const lastMessage = { id: "", conversationId, userId: "", content, createdAt, mine: true, clientId };
    return entry ? toTop(list, { ...entry, conversation: { ...entry.conversation, lastMessage } }) : list;
  }, entries);
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
  const kept = Object.entries(state.threads).filter(([, thread]) => !isStale(next, thread));
  return { ...next, threads: Object.fromEntries(kept) };
}

/**
 * @param {State} state
 * @param {FeedEvent} event
 * @returns {State}
 */
function withEvent(state, event) {
  const recent = [...state.recent.slice(1 - RECENT), event];
  let next = { ...state, recent };
  if (event.name === "gone") return withoutConversation(next, event.data.conversationId);
  if (event.name === "conversation") {
    return state.entries ? withEntry(next, event.data, event.id) : next;
  }
  if (event.name === "message") {
    next = noteUnknown(next, event.data.conversationId);
    if (event.data.clientId) next.drafts = without(next.drafts, event.data.clientId);
  }
  if (event.name === "user" && event.data.id === state.me?.id) next.me = event.data;
  next.entries = next.entries && entriesAfter(next.entries, event);
  next.threads = mapValues(next.threads, (thread, id) => threadAfter(thread, id, event));
  return next;
}

/**
 * @param {State} state
 * @param {string} id
 * @returns {State}
 */
function withoutConversation(state, id) {
  const threads = Object.fromEntries(Object.entries(state.threads).filter(([key]) => key !== id));
  return { ...state, threads, entries: state.entries && state.entries.filter(({ conversation }) => conversation.id !== id) };
}

/**
 * Applies an event to the list. A message moves its conversation to the top, as on the server.
 * @param {Entry[]} entries
 * @param {FeedEvent} event
 * @returns {Entry[]}
 */
function entriesAfter(entries, event) {
  const after = entries.map((entry) => entryAfter(entry, event));
  const moved = event.name === "message" && after.find((entry, index) => entry !== entries[index]);
  return moved ? toTop(after, moved) : after;
}

/**
 * @param {Entry} entry
 * @param {FeedEvent} event
 * @returns {Entry}
 */
function entryAfter(entry, event) {
  if (reflects(entry.position, event.id)) return entry;
  const { conversation } = entry;
  if (event.name === "user") {
    if (event.data.id !== conversation.otherParticipant.id) return entry;
    return { ...entry, conversation: { ...conversation, otherParticipant: event.data } };
  }
  if (event.name === "message" && event.data.conversationId === conversation.id) {
    const unread = event.data.mine ? conversation.unreadCount : conversation.unreadCount + 1;
    return {
      position: event.id,
      conversation: counted({ ...conversation, lastMessage: later(conversation.lastMessage, event.data) }, unread),
    };
  }
  if (event.name === "setting" && event.data.conversationId === conversation.id) {
    return { position: event.id, conversation: { ...conversation, notify: event.data.notify } };
  }
  if (event.name === "reactions" && event.data.conversationId === conversation.id) {
    const lastMessage = conversation.lastMessage && reactedTo(conversation.lastMessage, event.data);
    return { position: event.id, conversation: { ...conversation, lastMessage } };
  }
  if (event.name === "read" && event.data.conversationId === conversation.id) {
    return { position: event.id, conversation: afterRead(conversation, event.data) };
  }
  if (event.name === "change" && event.data.message.conversationId === conversation.id) {
    return { position: event.id, conversation: afterChange(conversation, event.data) };
  }
  return entry;
}

/**
 * @param {Conversation} conversation
 * @param {import("./types.js").Change} change
 * @returns {Conversation}
 */
function afterChange(conversation, { message, unreadCount }) {
  const { lastMessage } = conversation;
  const changed = { ...conversation, lastMessage: lastMessage && newer(lastMessage, message) };
  return counted(changed, unreadCount ?? conversation.unreadCount);
}

/**
 * @param {Conversation} conversation
 * @param {import("./types.js").Read} read
 * @returns {Conversation}
 */
function afterRead(conversation, read) {
  if (read.userId === conversation.otherParticipant.id) {
    return { ...conversation, otherLastReadMessageId: read.lastReadMessageId };
  }
  const before = conversation.lastReadMessageId;
  if (before && compareIds(before, read.lastReadMessageId) > 0) return conversation; // this tab has read further since
  const own = { ...conversation, lastReadMessageId: read.lastReadMessageId };
  return counted(own, read.unreadCount ?? conversation.unreadCount);
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
  const further = thread.messages.slice(countUpTo(thread.messages, messageId));
  const unread = further.filter((message) => !message.mine).length;
  const conversation = counted({ ...entry.conversation, lastReadMessageId: messageId }, unread);
  return { ...state, entries: state.entries.with(index, { ...entry, conversation }) };
}

/**
 * @param {Thread} thread
 * @param {string} conversationId
 * @param {FeedEvent} event
 * @returns {Thread}
 */
function threadAfter(thread, conversationId, event) {
  if (event.name === "change" && event.data.message.conversationId === conversationId) {
    if (reflects(thread.position, event.id)) return thread;
    return { ...thread, messages: thread.messages.map((message) => newer(message, event.data.message)) };
  }
  if (event.name !== "message" && event.name !== "reactions") return thread;
  if (event.data.conversationId !== conversationId) return thread;
  if (reflects(thread.position, event.id)) return thread;
  if (event.name === "reactions") {
    return { ...thread, messages: thread.messages.map((message) => reactedTo(message, event.data)) };
  }
  return { ...thread, messages: merged(thread.messages, [event.data]) };
}

/**
 * @param {Message} message
 * @param {import("./types.js").Reactions} event
 * @returns {Message}
 */
function reactedTo(message, { messageId, reactions }) {
  return message.id === messageId ? { ...message, reactions } : message;
}

/**
 * @param {State} state
 * @param {import("./types.js").Snapshot<Conversation[]>} snapshot
 * @param {boolean} older
 * @returns {State}
 */
function withEntries(state, { body, position, next }, older) {
  const page = body.map((conversation) => ({ conversation, position }));
  const listed = older ? continued(state.entries ?? [], page) : refreshed(state, page, position, next !== null);
  const entries = state.recent.reduce(entriesAfter, listed);
  return { ...state, entries, moreEntries: next, unknown: stillUnknown(state.unknown, entries) };
}

/**
 * Appends the next page, except for conversations that the list has already from a visit.
 * @param {Entry[]} entries
 * @param {Entry[]} page
 */
function continued(entries, page) {
  return page.reduce((listed, entry, n) => {
    if (has(listed, entry)) return listed;
    return entry.conversation.lastMessage ? placed(listed, entry) : placedAfter(listed, page[n - 1], entry);
  }, entries);
}

/**
 * @param {Entry[]} entries
 * @param {Entry | undefined} before undefined for the end
 * @param {Entry} entry
 */
function placedAfter(entries, before, entry) {
  const index = entries.findIndex(({ conversation }) => conversation.id === before?.conversation.id);
  return index < 0 ? [...entries, entry] : entries.toSpliced(index + 1, 0, entry);
}

/**
 * Replaces the list by a first page. Keeps conversations below its end, and those created after it.
 * @param {State} state
 * @param {Entry[]} page
 * @param {string} position
 * @param {boolean} goesOn whether there are more than the page has
 */
function refreshed(state, page, position, goesOn) {
  const known = (state.entries ?? []).filter((entry) => !isStale(state, entry) && !has(page, entry));
  const isBelow = (/** @type {Entry} */ entry) => goesOn && reflects(position, entry.position);
  const newer = [...known.filter((entry) => !isBelow(entry)).toReversed(), ...createdSince(state.recent, position)];
  return newer.reduce(
    (listed, entry) => (has(listed, entry) ? listed : placed(listed, entry)),
    [...page, ...known.filter(isBelow)],
  );
}

/**
 * @param {FeedEvent[]} recent
 * @param {string} position
 * @returns {Entry[]} earliest first
 */
function createdSince(recent, position) {
  return recent.flatMap((event) => {
    const isNew = event.name === "conversation" && !reflects(position, event.id);
    return isNew ? [{ conversation: event.data, position: event.id }] : [];
  });
}

/**
 * @param {Entry[]} entries
 * @param {Entry} entry
 */
const has = (entries, { conversation: { id } }) => entries.some(({ conversation }) => conversation.id === id);

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
  /** @type {Entry} */
  const entry = state.recent.reduce(entryAfter, { conversation, position });
  const entries = index >= 0 ? known.with(index, entry) : placed(known, entry, toldSince(state.recent, conversation.id));
  return { ...state, entries, unknown: stillUnknown(state.unknown, entries) };
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
  const page = snapshot.body.toReversed();
  /** @type {Thread} */
  let thread = { messages: page, position: snapshot.position, older: snapshot.next };
  if (older) {
    // Keeps the position of the first page: an older page may lack events after that position.
    thread = { ...known, messages: merged(known.messages, page), older: snapshot.next };
  } else {
    if (known && overlap(known.messages, page)) thread = { ...thread, messages: merged(known.messages, page), older: known.older };
    thread = state.recent.reduce((before, event) => threadAfter(before, id, event), thread);
  }
  const stored = new Set(page.map((message) => message.clientId));
  const drafts = state.drafts.filter((draft) => !stored.has(draft.clientId));
  return { ...state, drafts, threads: { ...state.threads, [id]: thread } };
}

/**
 * Whether the known messages and the newest page overlap, so that none is missing between them.
 * @param {Message[]} known
 * @param {Message[]} page
 */
function overlap(known, page) {
  const last = known.at(-1);
  return Boolean(last && page.length > 0) && compareIds(page[0].id, last?.id ?? "") <= 0;
}

/**
 * @param {State} state
 * @param {Message} message
 * @returns {State}
 */
function withSent(state, message) {
  const id = message.conversationId;
  const drafts = without(state.drafts, message.clientId);
  const threads = mapValues(state.threads, (thread, key) =>
    key === id ? { ...thread, messages: merged(thread.messages, [message]) } : thread,
  );
  const known = state.entries?.find((entry) => entry.conversation.id === id);
  const last = known?.conversation.lastMessage;
  if (!known || (last && compareIds(last.id, message.id) >= 0)) return { ...state, drafts, threads }; // its event arrived first
  const sent = { ...known, conversation: { ...known.conversation, lastMessage: message } };
  const others = (state.entries ?? []).filter((entry) => entry !== known);
  return { ...state, drafts, threads, entries: placed(others, sent, () => true) };
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
 * @param {string[]} unknown
 * @param {Entry[]} entries
 */
function stillUnknown(unknown, entries) {
  return unknown.filter((id) => !entries.some((entry) => entry.conversation.id === id));
}

/**
 * @param {Entry[]} entries
 * @param {Entry} entry
 */
function toTop(entries, entry) {
  return [entry, ...entries.filter((other) => other.conversation.id !== entry.conversation.id)];
}

/**
 * Returns whether an entry existed before the latest event with a message in the conversation `id`.
 * @param {FeedEvent[]} recent
 * @param {string} id
 * @returns {(entry: Entry) => boolean}
 */
function toldSince(recent, id) {
  const told = recent.findLast((event) => event.name === "message" && event.data.conversationId === id);
  return ({ position }) => told !== undefined && !reflects(position, told.id);
}

/**
 * Inserts a conversation into the list: on top if it is new, else by the id of its last message. Conversations without
 * a message have no known time; `isOlder` says whether such a one goes below.
 * @param {Entry[]} entries
 * @param {Entry} entry
 * @param {(empty: Entry) => boolean} [isOlder]
 */
function placed(entries, entry, isOlder = () => false) {
  const last = entry.conversation.lastMessage;
  if (last === null) return [entry, ...entries];
  const index = entries.findIndex((other) => {
    const { lastMessage } = other.conversation;
    return lastMessage === null ? isOlder(other) : compareIds(lastMessage.id, last.id) <= 0;
  });
  return index < 0 ? [...entries, entry] : entries.toSpliced(index, 0, entry);
}

/**
 * Merges messages, oldest first, without duplicates. Puts a page of history in front and a live message at the end
 * without sorting, because there may be ten thousand.
 * @param {Message[]} known
 * @param {Message[]} more
 */
function merged(known, more) {
  if (isBefore(known, more)) return [...known, ...more];
  if (isBefore(more, known)) return [...more, ...known];
  const byId = new Map([...known, ...more].map((message) => [message.id, message]));
  return [...byId.values()].sort((a, b) => compareIds(a.id, b.id));
}

/**
 * @param {Message[]} earlier
 * @param {Message[]} later
 */
function isBefore(earlier, later) {
  const last = earlier.at(-1);
  return !last || later.length === 0 || compareIds(last.id, later[0].id) < 0;
}

/**
 * @param {Message | null} known
 * @param {Message} message
 */
function later(known, message) {
  return known && compareIds(known.id, message.id) > 0 ? known : message;
}

/**
 * Returns the state of a message that counts: the higher version. Of another message, the known one.
 * @param {Message} known
 * @param {Message} message
 */
function newer(known, message) {
  return known.id === message.id && (known.version ?? 1) <= (message.version ?? 1) ? message : known;
}

/**
 * @param {Conversation} conversation
 * @param {number} unread
 * @returns {Conversation}
 */
function counted(conversation, unread) {
  return { ...conversation, unreadCount: Math.min(unread, MOST_UNREAD), hasUnreadMessages: unread > 0 };
}

/**
/**
 * Whether the server is known to have stored the draft.
 * @param {State} state
 * @param {Draft} draft
 */
function isStored({ threads, recent }, { conversationId, clientId }) {
  const told = recent.flatMap((event) => (event.name === "message" ? [event.data] : []));
  const messages = [...(threads[conversationId]?.messages ?? []), ...told];
  return messages.some((message) => message.clientId === clientId);
}

/**
 * @param {Draft[]} drafts
 * @param {string | null} clientId
 */
function without(drafts, clientId) {
  return drafts.filter((draft) => draft.clientId !== clientId);
}

/**
 * @template T, U
 * @param {Record<string, T>} record
 * @param {(value: T, key: string) => U} change
 * @returns {Record<string, U>}
 */
function mapValues(record, change) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
}
