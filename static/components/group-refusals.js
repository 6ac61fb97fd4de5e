/** The sentences for refused changes of a group. */

import { ApiProblem } from "../api.js";
import { words } from "../words.js";

/** @param {unknown} error */
export function sentenceFor(error) {
  if (!(error instanceof ApiProblem)) return words.wentWrong;
  if (error.status === 429) return words.busy;
  const known = /** @type {Record<string, string>} */ (words.group.refusals)[error.code];
  return known ?? Object.values(error.errors)[0] ?? error.message;
}
