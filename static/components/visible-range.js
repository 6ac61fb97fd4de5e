/**
 * The range of a conversation that is in the page: a few hundred of perhaps ten thousand messages. It moves with
 * scrolling. Pure.
 */

import { countBefore, countUpTo } from "../lib/ids.js";

/** @typedef {import("../types.js").Message} Message */

/**
 * The ids at both ends. With `last` null, it ends at the newest message.
 * @typedef {{first: string, last: string | null}} VisibleRange
 */

export const MOST = 400; // messages; with 1,000, drawing each of fifty a second takes over 0.1 s
export const STEP = 50; // messages, some screens; a larger step drops a frame

/** All messages. @type {VisibleRange} */
export const ALL = { first: "0", last: null };

/**
 * Its start and end as indexes of `messages`, oldest first. At most `MOST` apart.
 * @param {Message[]} messages
 * @param {VisibleRange} stretch
 */
export function bounds(messages, { first, last }) {
  const from = countBefore(messages, first);
  return { from, to: last === null ? messages.length : countUpTo(messages, last) };
}

/**
 * The range that ends at the newest message.
 * @param {Message[]} messages
 * @returns {VisibleRange}
 */
export const newest = (messages) => between(messages, messages.length - MOST + STEP, messages.length);

/**
 * The range moved up. The newest messages leave it.
 * @param {Message[]} messages
 * @param {VisibleRange} stretch
 */
export function earlier(messages, stretch) {
  const { from, to } = bounds(messages, stretch);
  const start = Math.max(from - STEP, 0);
  return between(messages, start, Math.min(to, start + MOST));
}

/**
 * The range moved down. The oldest messages leave it.
 * @param {Message[]} messages
 * @param {VisibleRange} stretch
 */
export function later(messages, stretch) {
  const { from, to } = bounds(messages, stretch);
  return between(messages, Math.max(from, to + STEP - MOST), to + STEP);
}

/**
 * The range around `id`.
 * @param {Message[]} messages
 * @param {string} id
 * @param {number} [below] the number of messages after it
 */
export function around(messages, id, below = STEP) {
  const at = countBefore(messages, id);
  return between(messages, at - STEP, at + below);
}

/**
 * The range after new messages. A list that follows drops the oldest; otherwise the newest stay out.
 * @param {Message[]} messages
 * @param {VisibleRange} stretch
 * @param {boolean} following
 */
export function fitted(messages, stretch, following) {
  const { from, to } = bounds(messages, stretch);
  if (to - from > MOST) return following ? newest(messages) : between(messages, from, from + MOST);
  return to === from ? newest(messages) : stretch; // all of its messages were dropped at a reset
}

/**
 * @param {Message[]} messages
 * @param {number} from
 * @param {number} to
 * @returns {VisibleRange}
 */
function between(messages, from, to) {
  return {
    first: messages[Math.max(from, 0)]?.id ?? ALL.first,
    last: to < messages.length ? messages[to - 1].id : null,
  };
}
