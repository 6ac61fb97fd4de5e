/** What a user can do with a message. Pure. */

/** @typedef {import("../types.js").Message} Message */
/** @typedef {"reply" | "react" | "edit" | "copy" | "link" | "details" | "delete"} Act */

const EDIT_HOURS = 48; // as on the server, by default
const HOUR_MILLISECONDS = 3_600_000;

/** The keys that start an act on the message with the focus. @type {Record<string, Act>} */
export const KEYS = { r: "reply", "+": "react", e: "edit", c: "copy", delete: "delete" };

/**
 * The acts, in the order of a menu.
 * @param {Message} message
 * @param {object} circumstances
 * @param {boolean} circumstances.isAdmin whether the user may delete messages of others
 * @param {number} circumstances.now
 * @returns {Act[]}
 */
export function actsFor(message, { isAdmin, now }) {
  if (message.notice || message.deletedAt) return [];
  const isYoung = now - Date.parse(message.createdAt) < EDIT_HOURS * HOUR_MILLISECONDS;
  /** @type {[Act, boolean][]} */
  const all = [
    ["reply", true],
    ["react", true],
    ["edit", message.mine && isYoung],
    ["copy", message.content !== ""],
    ["link", true],
    ["details", true],
    ["delete", message.mine || isAdmin],
  ];
  return all.flatMap(([act, isThere]) => (isThere ? [act] : []));
}
