/**
 * Which stretch of a conversation stands in the page: of ten thousand messages a few hundred, that
 * move along as one scrolls. Pure.
 */

import { countBefore, countUpTo } from "../lib/ids.js";

/** @typedef {import("../types.js").Message} Message */

/**
 * The ids at both ends; `last` null: up to the newest, whatever comes.
 * @typedef {{first: string, last: string | null}} VisibleRange
 */

export const MOST = 400; // with 1,000, each of fifty messages a second takes over a tenth of a second
export const STEP = 50; // some screens: more at a time costs a frame

/** All that there is, up to the newest. @type {VisibleRange} */
export const ALL = { first: "0", last: null };

/**
 * Where it begins and ends among `messages`, oldest first; never longer than there is room for.
 * @param {Message[]} messages
 * @param {VisibleRange} stretch
 */
export function bounds(messages, { first, last }) {
  const from = countBefore(messages, first);
  return { from, to: last === null ? messages.length : countUpTo(messages, last) };
}

/**
 * With the newest at its end, as many as there is room for.
 * @param {Message[]} messages
 * @returns {VisibleRange}
 */
export const newest = (messages) => between(messages, messages.length - MOST + STEP, messages.length);

/**
 * Further up; what is furthest down gives way.
 * @param {Message[]} messages
 * @param {VisibleRange} stretch
 */
export function earlier(messages, stretch) {
  const { from, to } = bounds(messages, stretch);
  const start = Math.max(from - STEP, 0);
  return between(messages, start, Math.min(to, start + MOST));
}

/**
 * Further down; what is furthest up gives way.
 * @param {Message[]} messages
 * @param {VisibleRange} stretch
 */
export function later(messages, stretch) {
  const { from, to } = bounds(messages, stretch);
  return between(messages, Math.max(from, to + STEP - MOST), to + STEP);
}

/**
 * With some on either side of `id`.
 * @param {Message[]} messages
 * @param {string} id
 * @param {number} [below] how many of them further down
 */
export function around(messages, id, below = STEP) {
  const at = countBefore(messages, id);
  return between(messages, at - STEP, at + below);
}

/**
 * As messages come: who reads along has the oldest give way, for whoever reads further up the newest wait.
 * @param {Message[]} messages
 * @param {VisibleRange} stretch
 * @param {boolean} following
 */
export function fitted(messages, stretch, following) {
  const { from, to } = bounds(messages, stretch);
  if (to - from > MOST) return following ? newest(messages) : between(messages, from, from + MOST);
  return to === from ? newest(messages) : stretch; // none of it is there any more: it was read anew
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
