/**
 * Splits the text of a message into plain runs, links, and code between backticks. The joined pieces are exactly the
 * text. Pure.
 */

/**
 * @typedef {{kind: "plain" | "code" | "block", text: string} | {kind: "link", text: string, href: string}} Piece
 * @typedef {(text: string) => {index: number, text: string, href: string}[]} FindLinks in text order
 */

const BLOCK = /^```(?:[^`]|`(?!``))+```\n?/u; // includes the last line break, because a block ends its line
const SPAN = /```[^`\n]+```|`[^`\n]+`/u;
const CODE = new RegExp(`(?<block>${BLOCK.source})|${SPAN.source}`, "gmu");

const MOST_EMOJI = 6; // more of them are drawn like text
// Written by hand, because \p{RGI_Emoji} takes 20 ms to compile.
const LOOK = String.raw`[\ufe0f\p{EMod}]`;
const FLAG = String.raw`\p{RI}{2}`;
const KEY = String.raw`[0-9#*]\ufe0f?\u20e3`;
const FIGURE = String.raw`(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}(?=${LOOK}))${LOOK}?[\u{e0020}-\u{e007f}]*`;
const JOINED = String.raw`(?:\u200d\p{Extended_Pictographic}${LOOK}?)*`;
const EMOJI_ONLY = new RegExp(String.raw`^(?:\s*(?:${FLAG}|${KEY}|${FIGURE}${JOINED})){1,${MOST_EMOJI}}\s*$`, "u");

/**
 * @param {string} text
 * @param {FindLinks} linksIn
 * @returns {Piece[]}
 */
export function pieces(text, linksIn) {
  /** @type {Piece[]} */
  const found = [];
  let end = 0;
  for (const { index, groups = {}, 0: code } of text.matchAll(CODE)) {
    found.push(...linked(text.slice(end, index), linksIn), { kind: groups.block ? "block" : "code", text: code });
    end = index + code.length;
  }
  return [...found, ...linked(text.slice(end), linksIn)];
}

/** A quick check, because most texts have none. @param {string} text */
export const mayHaveLinks = (text) => /:\/\/|www\.|@/i.test(text);

/** @param {string} text */
export const isEmojiOnly = (text) => EMOJI_ONLY.test(text);

/**
 * @param {string} text without code
 * @param {FindLinks} linksIn
 */
function linked(text, linksIn) {
  /** @type {Piece[]} */
  const found = [];
  let end = 0;
  for (const { index, text: address, href } of linksIn(text)) {
    if (index > end) found.push({ kind: "plain", text: text.slice(end, index) });
    found.push({ kind: "link", text: address, href });
    end = index + address.length;
  }
  if (end < text.length) found.push({ kind: "plain", text: text.slice(end) });
  return found;
}
