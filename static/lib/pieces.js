/**
 * Splits the text of a message into plain runs, links, and code between backticks. The joined pieces are exactly the
 * text. Finds user names in it. Cuts texts by graphemes, which readers see as letters, and decides where to fold a very
 * tall one. Pure.
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

const CALL = /(?<![\p{L}\p{Nd}@])@([A-Za-z0-9-]*[A-Za-z0-9])/gu;

/**
 * Where `text` calls a user: the places of `@name`.
 * @param {string} text
 * @param {string} username in any case
 * @returns {{from: number, to: number}[]}
 */
export function callsOf(text, username) {
  const sought = username.toLowerCase();
  return [...text.matchAll(CALL)]
    .filter(([, name]) => name.toLowerCase() === sought)
    .map(({ index, 0: call }) => ({ from: index, to: index + call.length }));
}

const MOST_LINES = 70; // two screens of a desk; more are folded
const SHOWN_LINES = 40;

let segmenter = /** @type {Intl.Segmenter | null} */ (null); // made when the first text is too long

/**
 * The beginning of a text, cut between two graphemes, so that no emoji or accent is cut.
 * @param {string} text
 * @param {number} most graphemes
 */
export function beginning(text, most) {
  if (text.length <= most) return text;
  segmenter ??= new Intl.Segmenter();
  let count = 0;
  for (const { index } of segmenter.segment(text)) if (count++ === most) return text.slice(0, index);
  return text;
}

/**
 * The index in `text` where the shown part ends, between two graphemes; null to show all of it.
 * @param {string} text
 * @param {number} columns the approximate number of letters in a line
 */
export function foldAt(text, columns) {
  let [lines, at, end] = [0, 0, 0];
  for (const line of linesOf(text)) {
    const rows = Math.max(1, Math.ceil(line.length / columns));
    if (lines < SHOWN_LINES) at = end + Math.min(line.length + 1, (SHOWN_LINES - lines) * columns);
    lines += rows;
    end += line.length + 1;
    if (lines > MOST_LINES) return betweenLetters(text, at);
  }
  return null;
}

/** Yields lines one by one, because the first of four thousand are enough. @param {string} text */
function* linesOf(text) {
  for (let begin = 0; begin <= text.length; ) {
    const found = text.indexOf("\n", begin);
    const end = found < 0 ? text.length : found;
    yield text.slice(begin, end);
    begin = end + 1;
  }
}

/**
 * @param {string} text
 * @param {number} at
 */
const betweenLetters = (text, at) => new Intl.Segmenter().segment(text).containing(at)?.index ?? at;
