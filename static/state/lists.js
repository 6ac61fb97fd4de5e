/**
 * The lists: conversations, with the number of unread messages beyond them, and the members of groups. An entry has
 * the position that it reflects, so that no event is applied twice. Pure.
 */

import { compareIds, reflects, steps } from "../lib/ids.js";
import { shownAs } from "./intents.js";
import { conversationAfter, conversationOf, MOST_UNREAD } from "./conversations.js";

/** @typedef {import("../types.js").Conversation} Conversation */
/** @typedef {import("../types.js").Draft} Draft */
/** @typedef {import("../types.js").Entry} Entry */
/** @typedef {import("../types.js").FeedEvent} FeedEvent */
/** @typedef {import("../types.js").Membership} Membership */
/** @typedef {import("../types.js").Member} Member */
/** @typedef {import("../types.js").Message} Message */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").User} User */

/**
 * Applies an event to the list. A message moves its conversation to the top, as on the server.
 * @param {Entry[]} entries
 * @param {FeedEvent} event
 * @param {string | undefined} me
 * @returns {Entry[]}
 */
export function entriesAfter(entries, event, me) {
  const after = entries.flatMap((entry) => entryAfter(entry, event, me) ?? []);
  const moved = event.name === "message" && after.find((entry, index) => entry !== entries[index]);
  return moved ? toTop(after, moved) : after;
}

/**
 * @param {Entry} entry
 * @param {FeedEvent} event
 * @param {string | undefined} me
 * @returns {Entry | null} null if the user is no member any more
 */
function entryAfter(entry, event, me) {
  if (reflects(entry.position, event.id)) return entry;
  if (event.name === "gone") return event.data.conversationId === entry.conversation.id ? null : entry;
  const conversation = conversationAfter(entry.conversation, event, me);
  if (conversation === entry.conversation) return entry;
  return { conversation, position: event.name === "user" ? entry.position : event.id };
}

/**
 * A conversation of a snapshot, after the events since.
 * @param {Entry} entry
 * @param {FeedEvent[]} recent
 * @param {string | undefined} me
 */
export function entrySince(entry, recent, me) {
  return recent.reduce((before, event) => before && entryAfter(before, event, me), /** @type {Entry | null} */ (entry));
}

/**
 * Appends the next page, except for conversations that the list has already from a visit.
 * @param {Entry[]} entries
 * @param {Entry[]} page
 */
export function continued(entries, page) {
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
 * @param {Entry[]} entries without those from before the start of the stream
 * @param {Entry[]} page
 * @param {FeedEvent[]} recent
 * @param {string} position
 * @param {boolean} goesOn whether there are more than the page has
 */
export function refreshed(entries, page, recent, position, goesOn) {
  const created = createdSince(recent, position);
  const current = page.filter((entry) => !has(created, entry)); // the others were left, and joined again
  const known = entries.filter((entry) => !has(current, entry));
  const isBelow = (/** @type {Entry} */ entry) => goesOn && reflects(position, entry.position);
  const isGone = (/** @type {Entry} */ entry) => !goesOn && steps(entry.position, position) > 0; // the list has all others
  const since = known.filter((entry) => !isBelow(entry) && !isGone(entry));
  const newer = [...since.toReversed(), ...created];
  return newer.reduce(
    (listed, entry) => (has(listed, entry) ? listed : placed(listed, entry)),
    [...current, ...known.filter(isBelow)],
  );
}

/**
 * @param {FeedEvent[]} recent
 * @param {string} position
 * @returns {Entry[]} earliest first
 */
function createdSince(recent, position) {
  const created = recent.flatMap((event) => {
    const isNew = event.name === "conversation" && !reflects(position, event.id);
    return isNew ? [{ conversation: event.data, position: event.id }] : [];
  });
  const latest = new Map(created.map((entry) => [entry.conversation.id, entry])); // a group may be left and joined again
  return created.filter((entry) => latest.get(entry.conversation.id) === entry);
}

/**
 * @param {Entry[]} entries
 * @param {Entry} entry
 */
const has = (entries, { conversation: { id } }) => entries.some(({ conversation }) => conversation.id === id);

/**
 * Returns whether an entry existed before the latest event with a message in the conversation `id`.
 * @param {FeedEvent[]} recent
 * @param {string} id
 * @returns {(entry: Entry) => boolean}
 */
export function toldSince(recent, id) {
  const told = recent.findLast((event) => event.name === "message" && event.data.conversationId === id);
  return ({ position }) => told !== undefined && !reflects(position, told.id);
}

/**
 * @param {Entry[]} entries
 * @param {Entry} entry
 */
function toTop(entries, entry) {
  return [entry, ...entries.filter((other) => other.conversation.id !== entry.conversation.id)];
}

/**
 * Inserts a conversation into the list: on top if it is new, else by the id of its last message. Conversations without
 * a message have no known time; `isOlder` says whether such a one goes below.
 * @param {Entry[]} entries
 * @param {Entry} entry
 * @param {(empty: Entry) => boolean} [isOlder]
 */
export function placed(entries, entry, isOlder = () => false) {
  const last = entry.conversation.lastMessage;
  if (last === null) return [entry, ...entries];
  const index = entries.findIndex((other) => {
    const { lastMessage } = other.conversation;
    return lastMessage === null ? isOlder(other) : compareIds(lastMessage.id, last.id) <= 0;
  });
  return index < 0 ? [...entries, entry] : entries.toSpliced(index, 0, entry);
}

/**
 * The list for display: an unsent message counts as the last message of its conversation. A message that could not be
 * sent to a conversation that is not in the list has a row of its own, so that it is not lost. Last messages are as the
 * user wants them.
 * @param {Pick<State, "entries" | "drafts"> & Partial<Pick<State, "intents" | "me">>} state
 * @returns {Entry[] | null}
 */
export function listed({ entries: known, drafts, intents = {}, me }) {
  const entries = known?.map((entry) => wanted(entry, intents, me?.id)) ?? null;
  if (!entries || drafts.length === 0) return entries;
  return drafts.reduce((list, { conversationId, content, createdAt, clientId, failure }) => {
    const entry = list.find(({ conversation }) => conversation.id === conversationId);
    const lastMessage = { id: "", conversationId, userId: "", content, createdAt, mine: true, clientId };
    if (entry) return toTop(list, { ...entry, conversation: { ...entry.conversation, lastMessage } });
    return failure === null ? list : toTop(list, { position: "", conversation: unlisted(conversationId, lastMessage) });
  }, entries);
}

/**
 * @param {Entry} entry
 * @param {State["intents"]} intents
 * @param {string | undefined} me
 * @returns {Entry} the same object without an intent
 */
function wanted(entry, intents, me) {
  const { lastMessage } = entry.conversation;
  const intent = lastMessage && intents[lastMessage.id];
  return intent ? { ...entry, conversation: { ...entry.conversation, lastMessage: shownAs(lastMessage, intent, me) } } : entry;
}

/**
 * @param {string} id
 * @param {import("../types.js").Message} lastMessage
 * @returns {Conversation}
 */
const unlisted = (id, lastMessage) => ({
  id,
  otherParticipant: null,
  lastMessage,
  unreadCount: 0,
  hasUnreadMessages: false,
  lastReadMessageId: null,
  otherLastReadMessageId: null,
});

/**
 * Updates the unread count beyond the list. The first page has the total; each further page reduces the rest.
 * @param {State} before
 * @param {State} after
 * @param {{snapshot: import("../types.js").Snapshot<Conversation[]>, older: boolean}} page
 * @returns {State}
 */
export function recounted(before, after, { snapshot, older }) {
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
export function moved(before, after) {
  const unread = unreadIn(added(before, after));
  if (unread === 0 || before.entries === null) return after;
  return { ...after, unreadElsewhere: Math.max(0, before.unreadElsewhere - unread), recount: true };
}

/**
 * Requests a new count when an event changes the count of a conversation beyond the list, or when the total was 1000
 * or more: the server counts no further.
 * @param {State} before
 * @param {State} after
 * @param {FeedEvent} event
 * @returns {State}
 */
export function doubted(before, after, event) {
  if (!changesCount(event, before.me?.id) || before.unreadElsewhere === 0) return after;
  const isHeld = before.entries?.some(({ conversation }) => conversation.id === conversationOf(event));
  const total = before.unreadElsewhere + unreadIn(before.entries ?? []);
  return isHeld && total < MOST_UNREAD ? after : { ...after, recount: true };
}

/**
 * @param {FeedEvent} event
 * @param {string | undefined} me
 */
function changesCount(event, me) {
  if (event.name === "read") return event.data.userId === me;
  return event.name === "gone" || (event.name === "change" && event.data.unreadCount !== undefined);
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
 * @param {Membership} membership
 * @param {string} conversationId
 * @param {FeedEvent} event
 * @returns {Membership | null} null if the user is no member any more
 */
export function membershipAfter(membership, conversationId, event) {
  if (reflects(membership.position, event.id)) return membership;
  if (event.name === "user") return renamed(membership, event.data);
  if (conversationOf(event) !== conversationId) return membership;
  if (event.name === "gone") return null;
  return event.name === "message" ? afterNotice(membership, event.data) : membership;
}

/**
 * @param {Membership} membership
 * @param {Message} message
 * @returns {Membership}
 */
function afterNotice(membership, { notice, author, createdAt }) {
  if (!notice || !author) return membership;
  const { members } = membership;
  const { kind, users, count } = notice;
  const named = new Set(users.map(({ id }) => id));
  switch (kind) {
    case "added":
      return { ...membership, members: joined(members, users, createdAt), isPartial: membership.isPartial || count > users.length };
    case "joined":
      return { ...membership, members: joined(members, [author], createdAt) };
    case "removed":
    case "left":
      return { ...membership, members: members.filter(({ user }) => !named.has(user.id)) };
    case "promoted":
    case "demoted": {
      const role = kind === "promoted" ? "admin" : "member";
      return { ...membership, members: members.map((member) => (named.has(member.user.id) ? { ...member, role } : member)) };
    }
    default:
      return membership;
  }
}

/**
 * Latest first; of those who came together, the higher id first.
 * @param {Member[]} members
 * @param {import("../types.js").User[]} users
 * @param {string} joinedAt
 * @returns {Member[]}
 */
function joined(members, users, joinedAt) {
  const added = users.toSorted((a, b) => compareIds(b.id, a.id)).map((user) => ({ user, role: /** @type {const} */ ("member"), joinedAt }));
  return [...added, ...members.filter(({ user }) => !users.some(({ id }) => id === user.id))];
}

/**
 * @param {Membership} membership
 * @param {import("../types.js").User} user
 */
function renamed(membership, user) {
  if (!membership.members.some((member) => member.user.id === user.id)) return membership;
  return { ...membership, members: membership.members.map((member) => (member.user.id === user.id ? { ...member, user } : member)) };
}

/**
 * The members after a page of them.
 * @param {Membership | undefined} known
 * @param {string} conversationId
 * @param {import("../types.js").Snapshot<Member[]>} page
 * @param {boolean} older whether it continues the known ones
 * @param {FeedEvent[]} recent
 * @returns {Membership | null} null if the user is no member any more
 */
export function withPage(known, conversationId, { body, position, next }, older, recent) {
  /** @type {Membership | null} */
  let page = { members: body, position, more: next, isPartial: false };
  for (const event of recent) page = page && membershipAfter(page, conversationId, event);
  if (!older || !page) return page;
  if (!known) return null;
  const ids = new Set(known.members.map(({ user }) => user.id));
  const further = page.members.filter(({ user }) => !ids.has(user.id));
  return { ...known, members: [...known.members, ...further], more: next };
}
