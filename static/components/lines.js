/** What stands in a conversation, line by line: days, messages in groups, and what is on its way. Pure. */

import { dayName } from "../lib/time.js";
import { compareIds } from "../store.js";

/** @typedef {import("../types.js").Draft} Draft */
/** @typedef {import("../types.js").Message} Message */
/** @typedef {import("../types.js").State} State */

/**
 * `first` and `last` of the messages that one person wrote within minutes: these are drawn as a group.
 * @typedef {{kind: "day", key: string, day: string}} DayLine
 * @typedef {{kind: "message", key: string, message: Message, first: boolean, last: boolean, seen: boolean}} MessageLine
 * @typedef {{kind: "draft", key: string, draft: Draft}} DraftLine
 * @typedef {DayLine | MessageLine | DraftLine} Line
 */

const TOGETHER_MILLISECONDS = 5 * 60 * 1000;

/**
 * Nothing where the conversation's messages are not there yet.
 * @param {State} state
 * @param {string} conversationId
 * @param {Date} [now]
 * @returns {Line[]}
 */
export function linesOf(state, conversationId, now = new Date()) {
  const messages = state.threads[conversationId]?.messages ?? [];
  const seen = lastSeen(state, conversationId, messages);
  const days = messages.map(({ createdAt }) => dayName(createdAt, now));
  const begins = messages.map((message, n) => n === 0 || days[n] !== days[n - 1] || !follows(messages[n - 1], message));
  /** @type {Line[]} */
  const lines = messages.flatMap((message, n) => [
    ...(n === 0 || days[n] !== days[n - 1] ? [dayLine(days[n], message)] : []),
    {
      kind: /** @type {const} */ ("message"),
      key: message.clientId ?? message.id, // as while it was on its way, so that its line stays
      message,
      first: begins[n],
      last: begins[n + 1] ?? true,
      seen: message.id === seen,
    },
  ]);
  const drafts = state.drafts.filter((draft) => draft.conversationId === conversationId);
  return [...lines, ...drafts.map((draft) => ({ kind: /** @type {const} */ ("draft"), key: draft.clientId, draft }))];
}

/**
 * @param {string} day
 * @param {Message} message the first of that day
 * @returns {DayLine}
 */
const dayLine = (day, message) => ({ kind: "day", key: `day ${message.id}`, day });

/**
 * The latest of one's own messages that the other one has read.
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
  return before.userId === message.userId && apart < TOGETHER_MILLISECONDS;
}
