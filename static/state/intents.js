/**
 * What the user wants of messages: other texts, deletions, reactions. The page shows it before the server has confirmed
 * it. Of several wishes for a message, the last one holds. Pure.
 */

/** @typedef {import("../types.js").Intent} Intent */
/** @typedef {import("../types.js").Message} Message */
/** @typedef {import("../types.js").Reaction} Reaction */
/** @typedef {import("../types.js").Wish} Wish */

/**
 * The message as the user wants it.
 * @template {Message} M
 * @param {M} message
 * @param {Intent | undefined} intent
 * @param {string | undefined} me
 * @returns {M} the same object without an intent
 */
export function shownAs(message, intent, me) {
  if (!intent || message.deletedAt) return message;
  if (intent.isDeleted) return deleted(message, me);
  const { content = message.content, reactions = {} } = intent;
  const after = { ...message, content };
  if (content !== message.content) after.editedAt = intent.wantedAt;
  const shown = Object.entries(reactions).reduce((all, [emoji, isWanted]) => reacted(all, emoji, isWanted), message.reactions ?? []);
  if (shown.length > 0) after.reactions = shown;
  else delete after.reactions;
  return after;
}

/**
 * The message after a wish that the server has fulfilled.
 * @template {Message} M
 * @param {M} message
 * @param {Wish} wish
 * @param {string | undefined} me
 * @returns {M}
 */
export function fulfilled(message, wish, me) {
  if (message.deletedAt) return message;
  if (wish.kind === "delete") return { ...deleted(message, me), version: (message.version ?? 1) + 1 };
  if (wish.kind === "react") return { ...message, reactions: reacted(message.reactions ?? [], wish.emoji, wish.isWanted) };
  return message; // the server has answered with it
}

/**
 * @template {Message} M
 * @param {M} message
 * @param {string | undefined} me
 * @returns {M}
 */
function deleted(message, me) {
  const after = { ...message, content: "", deletedAt: message.createdAt, deletedBy: me ?? null };
  for (const name of /** @type {const} */ (["editedAt", "mentions", "reactions"])) delete after[name];
  return after;
}

/**
 * @param {Reaction[]} reactions
 * @param {string} emoji
 * @param {boolean} isWanted
 * @returns {Reaction[]} the same array if nothing has changed
 */
function reacted(reactions, emoji, isWanted) {
  const known = reactions.find((reaction) => reaction.emoji === emoji);
  if ((known?.mine ?? false) === isWanted) return reactions;
  if (!known) return [...reactions, { emoji, count: 1, mine: true }];
  const after = { ...known, count: known.count + (isWanted ? 1 : -1), mine: isWanted };
  return reactions.flatMap((reaction) => (reaction !== known ? reaction : after.count > 0 ? after : []));
}

/**
 * The intent after another wish. A deletion replaces everything else.
 * @param {Intent | undefined} intent
 * @param {Pick<Message, "id" | "conversationId">} message
 * @param {Wish} wish
 * @param {string} now
 * @returns {Intent}
 */
export function withWish(intent, { id, conversationId }, wish, now) {
  const base = { messageId: id, conversationId, wantedAt: now };
  if (wish.kind === "delete" || intent?.isDeleted) return { ...base, isDeleted: true };
  if (wish.kind === "edit") return { ...intent, ...base, content: wish.content, version: intent?.version ?? wish.version };
  return { ...intent, ...base, reactions: { ...intent?.reactions, [wish.emoji]: wish.isWanted } };
}

/**
 * The wishes of an intent, in the order of sending.
 * @param {Intent} intent
 * @returns {Wish[]}
 */
export function wishesOf({ isDeleted, content, version = 1, reactions = {} }) {
  if (isDeleted) return [{ kind: "delete" }];
  const edits = content === undefined ? [] : [{ kind: /** @type {const} */ ("edit"), content, version }];
  return [...edits, ...Object.entries(reactions).map(([emoji, isWanted]) => ({ kind: /** @type {const} */ ("react"), emoji, isWanted }))];
}

/**
 * The intent without a wish that the server has answered, unless the user wants something else by now.
 * @param {Intent} intent
 * @param {Wish} wish
 * @returns {Intent | null} null if nothing is left
 */
export function withoutWish(intent, wish) {
  const left = { ...intent, reactions: { ...intent.reactions } };
  if (wish.kind === "delete") delete left.isDeleted;
  else if (wish.kind === "edit" && intent.content === wish.content) {
    delete left.content;
    delete left.version;
  } else if (wish.kind === "edit") left.version = wish.version + 1; // the newer text replaces the one that was stored
  else if (intent.reactions?.[wish.emoji] === wish.isWanted) delete left.reactions[wish.emoji];
  return wishesOf(left).length > 0 ? left : null;
}
