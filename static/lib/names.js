/**
 * Names of people and conversations that are shown, user names that were typed or pasted, and sentences about who did
 * what in a group. Pure.
 */

import { words } from "../words.js";

/** @typedef {import("../types.js").Conversation} Conversation */
/** @typedef {import("../types.js").Message} Message */
/** @typedef {import("../types.js").Notice} Notice */
/** @typedef {import("../types.js").User} User */

const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu; // may surround a copied name

/**
 * The name that people see.
 * @param {User} user
 */
export const nameOf = (user) => user.displayName ?? user.username;

/**
 * The name of a group, or of the other participant. A conversation that the list lacks has neither.
 * @param {Conversation} conversation
 */
export const nameOfConversation = ({ group, otherParticipant }) =>
  group?.name ?? (otherParticipant ? nameOf(otherParticipant) : words.conversations.unlisted);

/**
 * The name of the author of a message of someone else.
 * @param {Message} message
 * @param {Conversation | undefined} conversation
 */
export function authorOf({ author }, conversation) {
  const user = author ?? conversation?.otherParticipant;
  return user ? nameOf(user) : "";
}

/**
 * Removes characters around a name: `@jack`, full-width `＠ｊａｃｋ`, spaces.
 * @param {string} typed
 */
export const nameIn = (typed) => typed.normalize("NFKC").replace(INVISIBLE, "").trim().replace(/^@+\s*/, "");

/**
 * The users with `search` in one of their names. Those whose name begins with it come first.
 * @param {User[]} users
 * @param {string} search
 */
export function having(users, search) {
  const sought = search.toLowerCase();
  const has = (/** @type {User} */ user, /** @type {(at: number) => boolean} */ holds) =>
    [user.username, nameOf(user)].some((name) => holds(name.toLowerCase().indexOf(sought)));
  const begins = (/** @type {User} */ user) => has(user, (at) => at === 0);
  return users.filter((user) => has(user, (at) => at >= 0)).sort((a, b) => Number(begins(b)) - Number(begins(a)));
}

const MOST_NAMES = 3; // in one line

const ONE_DIRECTION = /^[\x20-\x7e]*$/;

/** A name that keeps its direction to itself. @param {string} name */
const isolated = (name) => (ONE_DIRECTION.test(name) ? name : `\u2068${name}\u2069`);

/**
 * @param {Message & {notice: Notice}} message
 * @param {string | undefined} me the user's id
 */
export function sentenceOf({ author, userId, notice }, me) {
  const who = author && userId !== me ? isolated(nameOf(author)) : words.notices.you;
  const { kind, users, count, name, history } = notice;
  const whom = listOf(users, count, me);
  switch (kind) {
    case "renamed":
      return words.notices.renamed(who, isolated(name));
    case "history":
      return history === "all" ? words.notices.historyAll(who) : words.notices.historyJoined(who);
    case "joined":
    case "left":
      return words.notices[kind](who);
    case "demoted":
      return users[0]?.id === userId ? words.notices.steppedDown(who) : words.notices.demoted(who, whom);
    default:
      return words.notices[kind](who, whom);
  }
}

/**
 * @param {User[]} users
 * @param {number} count
 * @param {string | undefined} me
 */
function listOf(users, count, me) {
  const own = users.filter(({ id }) => id === me); // first, so that it is seen
  const named = [...own, ...users.filter(({ id }) => id !== me)].slice(0, MOST_NAMES);
  const names = named.map((user) => (user.id === me ? words.notices.toYou : isolated(nameOf(user))));
  return words.notices.list(names, count - named.length);
}

/**
 * One line for several notices.
 * @param {Notice[]} notices
 */
export function summaryOf(notices) {
  const [joined, left] = [sum(notices, ["added", "joined"]), sum(notices, ["removed", "left"])];
  const others = notices.filter(({ kind }) => !["added", "joined", "removed", "left"].includes(kind)).length;
  return words.notices.folded(joined, left, others);
}

/**
 * @param {Notice[]} notices
 * @param {string[]} kinds
 */
const sum = (notices, kinds) => notices.filter(({ kind }) => kinds.includes(kind)).reduce((total, { count }) => total + count, 0);
