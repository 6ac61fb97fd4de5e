/** Messages, the loaded messages of a conversation, and conversations: how events change each of them. Pure. */

import { compareIds, countBefore, reflects, steps } from "../lib/ids.js";

/** @typedef {import("../types.js").Conversation} Conversation */
/** @typedef {import("../types.js").Draft} Draft */
/** @typedef {import("../types.js").FeedEvent} FeedEvent */
/** @typedef {import("../types.js").Group} Group */
/** @typedef {import("../types.js").Message} Message */
/** @typedef {import("../types.js").Notice} Notice */
/** @typedef {import("../types.js").Snapshot<Message[]>} Page newest message first */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Thread} Thread */
/** @typedef {import("../types.js").User} User */

/** The id of the conversation that an event concerns. @param {FeedEvent} event */
export function conversationOf(event) {
  if (event.name === "user") return undefined;
  if (event.name === "conversation") return event.data.id;
  return event.name === "change" ? event.data.message.conversationId : event.data.conversationId;
}

/** Whether a message is unread beyond the read marker. @param {Message} message */
export const isCountable = ({ mine, notice, deletedAt }) => !mine && !notice && !deletedAt;

/**
 * @param {Message} message
 * @param {string | undefined} userId
 */
export const mentions = (message, userId) => message.mentions?.some((mention) => mention.userId === userId) ?? false;

/** @param {Message} message */
const versionOf = ({ version = 1 }) => version;

/**
 * Of two states of a message, the one that holds.
 * @param {Message} known
 * @param {Message} next of a later position
 */
export const laterState = (known, next) => (versionOf(known) > versionOf(next) ? known : next);

/**
 * The message after an answer, which has no position. So the known one holds at the same version, and its reactions
 * hold in any case.
 * @param {Message | undefined} known
 * @param {Message} answer
 * @returns {Message}
 */
export function answered(known, answer) {
  if (known && versionOf(known) >= versionOf(answer)) return known;
  const message = { ...answer };
  delete message.reactions;
  return known?.reactions && !answer.deletedAt ? { ...message, reactions: known.reactions } : message;
}

/**
 * The message after an event.
 * @template {Message | null} M
 * @param {M} message
 * @param {FeedEvent} event
 * @returns {M} the same object if nothing has changed
 */
export function messageAfter(message, event) {
  if (message === null) return message;
  return /** @type {M} */ (changed(message, event));
}

/**
 * @param {Message} message
 * @param {FeedEvent} event
 */
function changed(message, event) {
  if (event.name === "user") return renamed(message, event.data);
  if (event.name === "change" && event.data.message.id === message.id) return laterState(message, event.data.message);
  if (event.name !== "reactions" || event.data.messageId !== message.id || message.deletedAt) return message;
  return { ...message, reactions: event.data.reactions };
}

/**
 * @param {Message} message
 * @param {User} user
 */
function renamed(message, user) {
  const isAuthor = message.author?.id === user.id;
  const isNamed = message.notice?.users.some(({ id }) => id === user.id);
  if (!isAuthor && !isNamed) return message;
  const after = { ...message };
  if (isAuthor) after.author = user;
  if (message.notice && isNamed) {
    after.notice = { ...message.notice, users: message.notice.users.map((named) => (named.id === user.id ? user : named)) };
  }
  return after;
}

/**
 * The messages after an event that changes some of them. Adds none.
 * @param {Message[]} messages oldest first
 * @param {FeedEvent} event
 * @returns {Message[]} the same array if nothing has changed
 */
export function messagesAfter(messages, event) {
  if (event.name === "user") {
    const after = messages.map((message) => changed(message, event));
    return after.some((message, n) => message !== messages[n]) ? after : messages;
  }
  const id = event.name === "change" ? event.data.message.id : event.name === "reactions" ? event.data.messageId : "";
  const index = id === "" ? -1 : countBefore(messages, id);
  const known = messages[index];
  if (known?.id !== id) return messages;
  const after = changed(known, event);
  return after === known ? messages : messages.with(index, after);
}

/**
 * Merges messages, oldest first, without duplicates. Of two states of a message, the one that holds stays. Puts a page
 * of history in front and a live message at the end without sorting, because there may be ten thousand.
 * @param {Message[]} known
 * @param {Message[]} more of a later position
 */
export function merged(known, more) {
  if (isBefore(known, more)) return [...known, ...more];
  if (isBefore(more, known)) return [...more, ...known];
  const byId = new Map(known.map((message) => [message.id, message]));
  for (const message of more) {
    const before = byId.get(message.id);
    byId.set(message.id, before ? laterState(before, message) : message);
  }
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
 * @param {Thread} thread
 * @param {string} conversationId
 * @param {FeedEvent} event
 * @returns {Thread | null} null if the user is no member any more
 */
export function threadAfter(thread, conversationId, event) {
  if (event.name !== "user" && conversationOf(event) !== conversationId) return thread;
  if (reflects(thread.position, event.id)) return thread;
  if (event.name === "gone") return null;
  const { messages: known } = thread;
  const messages = event.name === "message" ? merged(known, [event.data]) : messagesAfter(known, event);
  return messages === known ? thread : { ...thread, messages };
}

/**
 * The thread after its newest page.
 * @param {Thread | undefined} known
 * @param {string} conversationId
 * @param {Page} page
 * @param {FeedEvent[]} recent
 * @returns {Thread | null} null if the user is no member any more
 */
export function withNewest(known, conversationId, { body, position, next }, recent) {
  /** @type {Thread | null} */
  let thread = { messages: body.toReversed(), position, older: next };
  for (const event of recent) thread = thread && threadAfter(thread, conversationId, event);
  if (thread && known && overlap(known.messages, thread.messages) && !Number.isNaN(steps(known.position, position))) {
    // Keeps the position of the older messages, which may lack events since.
    return { ...known, messages: merged(known.messages, thread.messages) };
  }
  return thread;
}

/**
 * The thread after a page of older messages. Keeps the position of the first page: this one may lack events after that.
 * @param {Thread} known
 * @param {string} conversationId
 * @param {Page} page
 * @param {FeedEvent[]} recent
 * @returns {Thread}
 */
export function withOlder(known, conversationId, { body, position, next }, recent) {
  const since = recent.filter((event) => !reflects(position, event.id) && (event.name === "user" || conversationOf(event) === conversationId));
  const page = since.reduce(messagesAfter, body.toReversed());
  return { ...known, messages: merged(known.messages, page), older: next };
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
 * The thread after the server's answer to a message.
 * @param {Thread} thread
 * @param {Message} answer
 * @returns {Thread}
 */
export function withAnswer(thread, answer) {
  const known = thread.messages.find(({ id }) => id === answer.id);
  return { ...thread, messages: merged(thread.messages, [answered(known, answer)]) };
}

/**
 * A window after a page of its messages.
 * @param {import("../types.js").Window | undefined} known undefined: the page begins it
 * @param {string} conversationId
 * @param {Page} page
 * @param {"around" | "older" | "newer"} way
 * @param {FeedEvent[]} recent
 * @returns {import("../types.js").Window}
 */
export function withWindowPage(known, conversationId, page, way, recent) {
  const since = recent.filter((event) => !reflects(page.position, event.id) && (event.name === "user" || conversationOf(event) === conversationId));
  const messages = since.reduce(messagesAfter, page.body.toReversed());
  const [older, newer] = [page.next, page.prev ?? null];
  if (!known || way === "around") return { messages, position: page.position, older, newer };
  const links = way === "older" ? { older } : { newer };
  return { ...known, ...links, messages: merged(known.messages, messages) };
}

/**
 * The thread with a window that has reached it; null while there is a gap between them.
 * @param {Thread} thread
 * @param {import("../types.js").Window} window
 * @returns {Thread | null}
 */
export function joined(thread, window) {
  const [first, last] = [thread.messages[0], window.messages.at(-1)];
  const touches = window.newer === null || (first && last && compareIds(first.id, last.id) <= 0);
  if (!touches) return null;
  const isLonger = Boolean(first && window.messages[0]) && compareIds(window.messages[0].id, first.id) < 0;
  return { ...thread, messages: merged(window.messages, thread.messages), older: isLonger ? window.older : thread.older };
}

export const MOST_UNREAD = 1000; // the server counts no further
const MOST_MENTIONS = 100; // the same

/**
 * The conversation after an event that concerns it.
 * @param {Conversation} conversation
 * @param {FeedEvent} event
 * @param {string | undefined} me the user's id
 * @returns {Conversation} the same object if nothing has changed
 */
export function conversationAfter(conversation, event, me) {
  if (event.name === "user") return afterRenaming(conversation, event);
  if (conversationOf(event) !== conversation.id) return conversation;
  switch (event.name) {
    case "message":
      return afterMessage(conversation, event.data, me);
    case "change":
      return afterChange(conversation, event);
    case "reactions":
      return { ...conversation, lastMessage: messageAfter(conversation.lastMessage, event) };
    case "read":
      return afterRead(conversation, event.data);
    case "setting":
      return { ...conversation, notify: event.data.notify };
    default:
      return conversation;
  }
}

/**
 * @param {Conversation} conversation
 * @param {number} unread
 * @param {number} mentioned
 * @returns {Conversation}
 */
export function counted(conversation, unread, mentioned) {
  const unreadCount = Math.min(unread, MOST_UNREAD);
  const after = { ...conversation, unreadCount, hasUnreadMessages: unread > 0 };
  if (mentioned > 0) after.unreadMentionCount = Math.min(mentioned, MOST_MENTIONS);
  else delete after.unreadMentionCount;
  return after;
}

/**
 * @param {Conversation} conversation
 * @param {FeedEvent & {name: "user"}} event
 */
function afterRenaming(conversation, event) {
  const lastMessage = messageAfter(conversation.lastMessage, event);
  const isOther = event.data.id === conversation.otherParticipant?.id;
  if (!isOther && lastMessage === conversation.lastMessage) return conversation;
  return { ...conversation, lastMessage, otherParticipant: isOther ? event.data : conversation.otherParticipant };
}

/**
 * @param {Conversation} conversation
 * @param {Message} message
 * @param {string | undefined} me
 */
function afterMessage(conversation, message, me) {
  const { lastMessage, unreadCount, unreadMentionCount = 0 } = conversation;
  const after = { ...conversation, lastMessage: later(lastMessage, message) };
  if (message.notice && after.group) after.group = groupAfter(after.group, message.notice, me);
  if (message.mine || message.notice) return after;
  return counted(after, unreadCount + 1, unreadMentionCount + Number(mentions(message, me))); // deleted by now or not
}

/**
 * @param {Message | null} known
 * @param {Message} message
 */
function later(known, message) {
  if (known === null || known.id === message.id) return known ? laterState(known, message) : message;
  return compareIds(known.id, message.id) > 0 ? known : message;
}

/**
 * @param {Group} group
 * @param {Notice} notice
 * @param {string | undefined} me
 * @returns {Group}
 */
function groupAfter(group, { kind, users, name, memberCount, history }, me) {
  const isMe = users.some(({ id }) => id === me);
  const roles = /** @type {const} */ ({ promoted: "admin", demoted: "member" });
  const role = isMe && (kind === "promoted" || kind === "demoted") ? roles[kind] : group.role;
  return { ...group, name, memberCount, history, role };
}

/**
 * @param {Conversation} conversation
 * @param {FeedEvent & {name: "change"}} event
 */
function afterChange(conversation, event) {
  const after = { ...conversation, lastMessage: messageAfter(conversation.lastMessage, event) };
  const { unreadCount, unreadMentionCount = 0 } = event.data;
  return unreadCount === undefined ? after : counted(after, unreadCount, unreadMentionCount);
}

/**
 * @param {Conversation} conversation
 * @param {import("../types.js").Read} read
 */
function afterRead(conversation, read) {
  if (read.userId === conversation.otherParticipant?.id) {
    return { ...conversation, otherLastReadMessageId: read.lastReadMessageId };
  }
  const before = conversation.lastReadMessageId;
  if (before && compareIds(before, read.lastReadMessageId) > 0) return conversation; // this tab has read further since
  const own = { ...conversation, lastReadMessageId: read.lastReadMessageId };
  return counted(own, read.unreadCount ?? conversation.unreadCount, read.unreadMentionCount ?? 0);
}

/**
 * Whether the server is known to have stored the draft.
 * @param {State} state
 * @param {Draft} draft
 */
export function isStored({ threads, recent }, { conversationId, clientId }) {
  const told = recent.flatMap((event) => (event.name === "message" ? [event.data] : []));
  const messages = [...(threads[conversationId]?.messages ?? []), ...told];
  return messages.some((message) => message.clientId === clientId);
}

/**
 * @param {Draft[]} drafts
 * @param {string | null} clientId
 */
export function without(drafts, clientId) {
  return drafts.filter((draft) => draft.clientId !== clientId);
}

/**
 * @param {Draft[]} drafts
 * @param {string} clientId
 * @param {string} reason
 */
export function failed(drafts, clientId, reason) {
  return drafts.map((draft) => (draft.clientId === clientId ? { ...draft, failure: reason } : draft));
}
