/** A message's text in pieces, its links among them. Pure. */

import { linksIn } from "./links.js";
import { pieces } from "./pieces.js";

export { isEmojiOnly } from "./pieces.js";

/** @param {string} text */
export const piecesOf = (text) => pieces(text, linksIn);
