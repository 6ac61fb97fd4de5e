/**
 * Compares ids, and makes paths of them. Ids of messages and conversations are decimal numbers that may be too large
 * for a Number. Ids of events are positions in a feed, `<epoch>-<seq>`, and `seq` increases by one within an epoch.
 */

/** The key of localStorage with the id of the signed-in user, for all tabs. */
export const WHO = "messenger.user";

/**
 * Compares two ids. The ids of a conversation's messages ascend.
 * @param {string} a
 * @param {string} b
 */
export function compareIds(a, b) {
  return a.length - b.length || (a < b ? -1 : Number(a > b));
}

/**
 * The number of `messages`, oldest first, before `id`. It is the index of `id`, if that is one of them.
 * @param {{id: string}[]} messages
 * @param {string} id
 */
export function countBefore(messages, id) {
  let [low, high] = [0, messages.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareIds(messages[middle].id, id) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The number of `messages`, oldest first, up to and including `id`.
 * @param {{id: string}[]} messages
 * @param {string} id
 */
export function countUpTo(messages, id) {
  const before = countBefore(messages, id);
  return messages[before]?.id === id ? before + 1 : before;
}

/** @param {string} conversationId */
export const pathOfConversation = (conversationId) => `/conversations/${conversationId}`;

/**
 * @param {string} conversationId
 * @param {string} messageId
 */
export const pathOfMessage = (conversationId, messageId) =>
  `${pathOfConversation(conversationId)}/messages/${messageId}`;

/** The page about a group. @param {string} conversationId */
export const pathOfDetails = (conversationId) => `${pathOfConversation(conversationId)}/details`;

/**
 * The conversation and the message in a path; undefined if it has none. `details`: it leads to the page about the group.
 * @param {string} path
 */
export function placeAt(path) {
  const [, conversationId, messageId, details] =
    path.match(/^\/conversations\/([1-9]\d*)(?:\/messages\/([1-9]\d*)|\/(details))?$/) ?? [];
  return { conversationId, messageId, details: details !== undefined };
}

/**
 * The number of events from `from` to `to`; NaN if their epochs differ.
 * @param {string} from
 * @param {string} to
 */
export function steps(from, to) {
  const [epoch, seq] = from.split("-");
  const [otherEpoch, otherSeq] = to.split("-");
  return epoch === otherEpoch ? Number(otherSeq) - Number(seq) : Number.NaN;
}

/**
 * Whether facts at `position` reflect the event `id`. Facts of another epoch count as newer.
 * @param {string} position
 * @param {string} id
 */
export const reflects = (position, id) => !(steps(position, id) > 0);
