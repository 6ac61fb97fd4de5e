/** Splits the text of a message into pieces, with links. Pure. */

import { linksIn } from "./links.js";
import { pieces } from "./pieces.js";

export { isEmojiOnly } from "./pieces.js";

/** @param {string} text */
export const piecesOf = (text) => pieces(text, linksIn);
