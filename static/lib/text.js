/**
 * What a message's text is made of: plain runs, links, and code between backticks. Nothing is
 * decoded, and the pieces put together are the text, to the letter. Pure.
 */

/**
 * @typedef {{kind: "plain" | "code" | "block", text: string} | {kind: "link", text: string, href: string}} Piece
 */

const BLOCK = /^```(?:[^`]|`(?!``))+```\n?/u; // its last line break is its own, since a block ends its line
const SPAN = /```[^`\n]+```|`[^`\n]+`/u;
// What turns or hides letters ends an address, which would be read as another one; so does the punctuation of
// scripts that have no spaces.
const ADDRESS = /(?<![A-Za-z0-9_])https?:\/\/[^\s<>"`\p{Cc}\p{Cf}\p{Cs}\p{Z}。，、；！？「」『』【】《》]+/u;
const SPECIAL = new RegExp(`(?<block>${BLOCK.source})|(?<code>${SPAN.source})|(?<link>${ADDRESS.source})`, "gimu");

const CLOSING = new Map(["()", "[]", "{}", "（）"].map(([open, close]) => [close, open]));
const PUNCTUATION = new Set(".,;:!?'\"*_~…»”’");

const MOST_EMOJI = 6; // more than that are a text of their own
// By hand, since \p{RGI_Emoji} takes 20 ms to compile.
const LOOK = String.raw`[\ufe0f\p{EMod}]`;
const FLAG = String.raw`\p{RI}{2}`;
const KEY = String.raw`[0-9#*]\ufe0f?\u20e3`;
const FIGURE = String.raw`(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}(?=${LOOK}))${LOOK}?[\u{e0020}-\u{e007f}]*`;
const JOINED = String.raw`(?:\u200d\p{Extended_Pictographic}${LOOK}?)*`;
const EMOJI_ONLY = new RegExp(String.raw`^(?:\s*(?:${FLAG}|${KEY}|${FIGURE}${JOINED})){1,${MOST_EMOJI}}\s*$`, "u");

/**
 * @param {string} text
 * @returns {Piece[]}
 */
export function piecesOf(text) {
  /** @type {Piece[]} */
  const pieces = [];
  let end = 0;
  for (const { index, groups = {}, 0: found } of text.matchAll(SPECIAL)) {
    const piece = groups.link ? link(found) : code(found, groups.block !== undefined);
    if (piece === null) continue;
    if (index > end) pieces.push({ kind: "plain", text: text.slice(end, index) });
    pieces.push(piece);
    end = index + piece.text.length;
  }
  if (end < text.length) pieces.push({ kind: "plain", text: text.slice(end) });
  return pieces;
}

/** @param {string} text */
export const isEmojiOnly = (text) => EMOJI_ONLY.test(text);

/**
 * @param {string} text
 * @param {boolean} isBlock
 * @returns {Piece}
 */
const code = (text, isBlock) => ({ kind: isBlock ? "block" : "code", text });

/**
 * Null where it leads nowhere, or where a name in front (`https://bank.example@evil.example`) would
 * be taken for the place.
 * @param {string} found
 * @returns {Piece | null}
 */
function link(found) {
  const text = withoutTail(found);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.username || url.password) return null;
  return { kind: "link", text, href: url.href };
}

/**
 * Without the punctuation of the sentence that it stands in; a bracket that was opened within it is its own.
 * @param {string} found
 */
function withoutTail(found) {
  const letters = [...found];
  const count = (/** @type {string | undefined} */ letter) => letters.filter((other) => other === letter).length;
  const surplus = new Map([...CLOSING].map(([close, open]) => [close, count(close) - count(open)]));
  for (let last = letters.at(-1); last !== undefined; last = letters.at(-1)) {
    const unopened = surplus.get(last) ?? 0;
    if (!PUNCTUATION.has(last) && unopened <= 0) break;
    surplus.set(last, unopened - 1);
    letters.pop();
  }
  return letters.join("");
}
