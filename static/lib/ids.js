/**
 * Ids of messages and conversations, decimal numbers that no Number may hold: their order, and their addresses.
 * Ids of events are places in a user's feed, `<epoch>-<seq>`: within one epoch each event's is one further.
 */

/** Under this key of localStorage the tabs tell each other the id of who is signed in. */
export const WHO = "messenger.user";

/**
 * Those of a conversation's messages ascend.
 * @param {string} a
 * @param {string} b
 */
export function compareIds(a, b) {
  return a.length - b.length || (a < b ? -1 : Number(a > b));
}

/**
 * How many of `messages`, oldest first, come before `id`: where it stands, if it is one of them.
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
 * How many of `messages`, oldest first, are no later than `id`.
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

/**
 * The conversation that an address leads to, and the message within it; undefined where it names none.
 * @param {string} path
 */
export function placeAt(path) {
  const [, conversationId, messageId] = path.match(/^\/conversations\/([1-9]\d*)(?:\/messages\/([1-9]\d*))?$/) ?? [];
  return { conversationId, messageId };
}

/**
 * How many events `to` is ahead of `from`; NaN where they are of different epochs.
 * @param {string} from
 * @param {string} to
 */
export function steps(from, to) {
  const [epoch, seq] = from.split("-");
  const [otherEpoch, otherSeq] = to.split("-");
  return epoch === otherEpoch ? Number(otherSeq) - Number(seq) : Number.NaN;
}

/**
 * Whether facts at `position` reflect the event `id`; of another epoch they are newer.
 * @param {string} position
 * @param {string} id
 */
export const reflects = (position, id) => !(steps(position, id) > 0);
