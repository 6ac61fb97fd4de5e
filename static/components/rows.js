/** The lines of a conversation: days, runs of messages, notices, and unsent messages. Pure. */

import { compareIds, countBefore, countUpTo } from "../lib/ids.js";
import { isCountable } from "../state/conversations.js";
import { shownAs } from "../state/intents.js";
import { dayName, dayNumber, presentTime } from "../lib/time.js";

/** @typedef {import("../types.js").Conversation} Conversation */
/** @typedef {import("../types.js").Draft} Draft */
/** @typedef {import("../types.js").Message} Message */
/** @typedef {import("../types.js").State} State */

/**
 * Messages of one user within minutes are drawn as a run; `first` and `last` mark its ends. Notices that follow each
 * other are one line. `repliedTo` is the message that a reply answers: null if the user can't see it, and absent until it
 * is loaded. `isPending`: the server has not confirmed what the user wants of the message.
 * @typedef {{kind: "day", key: string, day: string}} DayLine
 * @typedef {{kind: "unread", key: string}} UnreadLine above the first unread message
 * @typedef {{kind: "message", key: string, message: Message, first: boolean, last: boolean, seen: boolean, isPending: boolean, repliedTo?: Message | null}} MessageLine
 * @typedef {{kind: "notices", key: string, notices: NoticeMessage[]}} NoticesLine
 * @typedef {Message & {notice: import("../types.js").Notice}} NoticeMessage
 * @typedef {{kind: "draft", key: string, draft: Draft, first: boolean, last: boolean, repliedTo?: Message | null}} DraftLine
 * @typedef {DayLine | UnreadLine | MessageLine | NoticesLine | DraftLine} Line
 */

/**
 * @typedef {object} View
 * @property {number} from the index of the first shown message among the known ones
 * @property {number} to the index after the last shown message; unsent ones follow the newest
 * @property {string | null} unreadAfter messages after this id are unread
 */

const TOGETHER_MILLISECONDS = 5 * 60 * 1000;

/**
 * The lines of a conversation, empty if its messages are not loaded.
 * @param {State} state
 * @param {string} conversationId
 * @param {Partial<View>} [view] by default all messages, without an unread line
 * @param {Date} [now]
 * @returns {Line[]}
 */
export function linesOf(state, conversationId, view = {}, now = undefined) {
  const { messages: all, older, isNewest } = stretchOf(state, conversationId);
  now ??= presentTime(all.slice(-1).map(({ createdAt }) => createdAt));
  const { from = 0, to = all.length, unreadAfter = null } = view;
  const messages = all.slice(from, to);
  const seen = lastSeen(state, conversationId, all);
  const unread = firstUnread(all, older === null, unreadAfter)?.id;
  const own = isNewest && to === all.length ? state.drafts.filter((draft) => draft.conversationId === conversationId) : [];
  const said = [...messages, ...asMessages(own, all, state)];
  const days = said.map(({ createdAt }) => dayNumber(createdAt));
  const newDay = days.map((day, n) => (n === 0 || !Object.is(day, days[n - 1])) && (n < messages.length || !Number.isNaN(day)));
  const alone = said.map((_, n) => Boolean(own[n - messages.length]?.failure));
  const begins = said.map(
    (one, n) => n === 0 || newDay[n] || one.id === unread || alone[n] || alone[n - 1] || !follows(said[n - 1], one),
  );
  /** @type {Line[]} */
  const lines = [];
  said.forEach((one, n) => {
    const key = one.clientId ?? one.id; // the key of the unsent message, so that its line stays
    const grouped = { key, first: begins[n], last: begins[n + 1] ?? true };
    if (newDay[n]) lines.push({ kind: "day", key: `day ${key}`, day: dayName(one.createdAt, now) });
    if (one.id === unread) lines.push({ kind: "unread", key: "unread" });
    const message = messages[n];
    const answered = repliedTo(one, all, state);
    if (!message) lines.push({ kind: "draft", ...grouped, draft: own[n - messages.length], ...answered });
    else if (isNotice(message)) addNotice(lines, message);
    else {
      const intent = state.intents[message.id];
      lines.push({ kind: "message", ...grouped, message: shownAs(message, intent, state.me?.id), seen: message.id === seen, isPending: Boolean(intent), ...answered });
    }
  });
  return lines;
}

/**
 * Adds a notice, to the line of those right before it if there is one.
 * @param {Line[]} lines
 * @param {NoticeMessage} notice
 */
function addNotice(lines, notice) {
  const last = lines.at(-1);
  if (last?.kind === "notices") last.notices.push(notice);
  else lines.push({ kind: "notices", key: `notices ${notice.id}`, notices: [notice] });
}

/**
 * @param {Message} message
 * @returns {message is NoticeMessage}
 */
const isNotice = (message) => Boolean(message.notice);

/**
 * The messages that are shown of a conversation: those around an older one, else the newest.
 * @param {State} state
 * @param {string} conversationId
 */
export function stretchOf({ windows, threads }, conversationId) {
  const window = windows[conversationId];
  if (window) return { ...window, isNewest: false };
  return { ...(threads[conversationId] ?? { messages: [], older: null }), isNewest: true };
}

/**
 * @param {Message} message
 * @param {Message[]} known
 * @param {State} state
 * @returns {{repliedTo?: Message | null}}
 */
function repliedTo({ replyToId, deletedAt }, known, { targets, intents, me }) {
  if (!replyToId || deletedAt) return {};
  const near = known[countBefore(known, replyToId)];
  const found = near?.id === replyToId ? near : targets[replyToId];
  if (found === undefined) return {};
  return { repliedTo: found && shownAs(found, intents[found.id], me?.id) };
}

/**
 * The first message of another participant after `unreadAfter`; none if it may be older than the known messages.
 * @param {Message[]} messages oldest first
 * @param {boolean} complete whether they begin with the first message of the conversation
 * @param {string | null} unreadAfter
 */
export function firstUnread(messages, complete, unreadAfter) {
  if (unreadAfter === null) return undefined;
  const begin = countUpTo(messages, unreadAfter);
  return begin > 0 || complete ? messages.slice(begin).find(isCountable) : undefined;
}

/**
 * The id that unread messages come after, for the unread line. It stays during a visit, and moves on when messages
 * arrive out of sight. undefined at the beginning of a visit; null without a line.
 * @param {string | null | undefined} before
 * @param {Conversation} conversation
 * @param {boolean} looking
 */
export function unreadAfter(before, conversation, looking) {
  if (!conversation.hasUnreadMessages || (looking && before !== undefined)) return before ?? null;
  return conversation.lastReadMessageId ?? "0";
}

/**
 * The number of messages of other participants after `id`.
 * @param {Message[]} messages oldest first
 * @param {string} id
 */
export function countAfter(messages, id) {
  return messages.slice(countUpTo(messages, id)).filter(isCountable).length;
}

/**
 * Unsent messages in the form of sent ones, so that no line moves when they are sent.
 * @param {Draft[]} drafts
 * @param {Message[]} messages
 * @param {State} state
 * @returns {Message[]}
 */
function asMessages(drafts, messages, { me }) {
  const userId = messages.findLast(({ mine }) => mine)?.userId ?? me?.id ?? "";
  return drafts.map((draft) => ({ ...draft, id: draft.clientId, userId, mine: true }));
}

/**
 * The latest message of the user that the other participant has read.
 * @param {State} state
 * @param {string} conversationId
 * @param {Message[]} messages
 */
function lastSeen(state, conversationId, messages) {
  const entry = state.entries?.find(({ conversation }) => conversation.id === conversationId);
  const upTo = entry?.conversation.otherLastReadMessageId;
  return upTo ? messages.findLast((message) => message.mine && compareIds(message.id, upTo) <= 0)?.id : undefined;
}

/**
 * @param {Message} before
 * @param {Message} message
 */
function follows(before, message) {
  const apart = Date.parse(message.createdAt) - Date.parse(before.createdAt);
  return before.userId === message.userId && apart < TOGETHER_MILLISECONDS && !before.notice && !message.notice;
}
