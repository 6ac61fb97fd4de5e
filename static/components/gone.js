/** What is shown in place of a conversation that the user cannot see, with what they wrote there. */

import { el } from "../lib/dom.js";
import { words } from "../words.js";
import { make } from "./context.js";
import { nothingHere, notice } from "./notice.js";

/** @typedef {import("./context.js").Context} Context */

/**
 * @param {Context} context
 * @param {string} conversationId
 */
export function noSuchConversation(context, conversationId) {
  return withUnsent(nothingHere(words.noSuchConversation), context, conversationId);
}

/**
 * @param {Context} context
 * @param {string} conversationId
 * @param {import("../types.js").Gone["reason"]} reason
 */
export function noLongerMember(context, conversationId, reason) {
  const way = el("a", { href: "/" }, words.toConversations);
  const place = notice(words.group.gone.title, words.group.gone[reason], way);
  return withUnsent(place, context, conversationId);
}

/**
 * @param {HTMLElement} place
 * @param {Context} context
 * @param {string} conversationId
 */
function withUnsent(place, context, conversationId) {
  place.append(make("unsent-texts", { context, conversationId }));
  return place;
}
