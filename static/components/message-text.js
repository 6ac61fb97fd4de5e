/** Draws the text of a message, with links and code. Folds a very tall text. */

import { el } from "../lib/dom.js";
import { callsOf, foldAt, isEmojiOnly, mayHaveLinks, pieces } from "../lib/pieces.js";
import { words } from "../words.js";

/** @typedef {import("../lib/pieces.js").Piece} Piece */

const NARROW = "(max-width: 40rem)";
const COLUMNS = { narrow: 36, wide: 64 };

/** The module that finds links loads when a text may have some. Until then they are plain text. */
let piecesOf = (/** @type {string} */ text) => pieces(text, () => []);
/** @type {Promise<void> | null} */
let coming = null;
let areFound = false;
/** @type {Set<() => void>} */
const waiting = new Set();

/**
 * A paragraph, and for a folded text a button below it.
 * @param {string} text
 * @param {string | null} title
 * @param {string} [call] the user's own name, which is marked where the text calls it
 * @returns {HTMLElement[]}
 */
export function messageText(text, title, call) {
  const paragraph = el("p", { class: isEmojiOnly(text) ? "content emoji" : "content", dir: "auto", title });
  const fold = foldAt(text, matchMedia(NARROW).matches ? COLUMNS.narrow : COLUMNS.wide);
  let isFolded = fold !== null;
  const draw = () => paragraph.replaceChildren(isFolded ? folded(drawn(text, call), fold ?? 0) : drawn(text, call));
  draw();
  if (mayHaveLinks(text)) whenLinksAreFound(draw);
  if (fold === null) return [paragraph];
  const more = el("button", { type: "button", class: "link unfold" }, words.message.showAll);
  const turn = () => {
    isFolded = !isFolded;
    more.textContent = isFolded ? words.message.showAll : words.message.showLess;
    draw();
  };
  more.addEventListener("click", turn);
  paragraph.addEventListener("beforematch", () => isFolded && turn()); // the browser's search has found folded text
  return [paragraph, more];
}

/** @param {() => void} draw */
function whenLinksAreFound(draw) {
  if (coming === null) coming = load();
  if (!areFound) waiting.add(draw);
}

async function load() {
  try {
    ({ piecesOf } = await import("../lib/text.js"));
    areFound = true;
    for (const draw of waiting) draw();
  } catch {
    coming = null; // the next text tries again
  }
  waiting.clear();
}

/**
 * @param {string} text
 * @param {string | undefined} call
 */
function drawn(text, call) {
  const fragment = document.createDocumentFragment();
  fragment.append(...piecesOf(text).flatMap((piece) => (piece.kind === "plain" && call ? called(piece.text, call) : [drawPiece(piece)])));
  return fragment;
}

/**
 * @param {string} text
 * @param {string} call
 */
function called(text, call) {
  let end = 0;
  const parts = callsOf(text, call).flatMap(({ from, to }) => {
    const before = text.slice(end, from);
    end = to;
    return [before, el("mark", {}, text.slice(from, to))];
  });
  return [...parts, text.slice(end)];
}

/**
 * Hides the text after `at`, and takes it out of the layout. A search in the page still finds it.
 * @param {DocumentFragment} fragment
 * @param {number} at
 */
function folded(fragment, at) {
  const walker = document.createTreeWalker(fragment, NodeFilter.SHOW_TEXT);
  let left = at;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const { length } = /** @type {Text} */ (node);
    if (left > length) left -= length;
    else return foldedAt(fragment, node, left);
  }
  return fragment;
}

/**
 * Makes a copy include folded text in the selection, by unfolding it until the copy is done.
 * @param {HTMLElement} place
 * @param {AbortSignal} signal
 */
export function copyWhole(place, signal) {
  const copy = () => {
    const selection = getSelection();
    const rests = [...place.querySelectorAll(".rest[hidden]")].filter((rest) => selection?.containsNode(rest, true));
    for (const rest of rests) rest.removeAttribute("hidden");
    setTimeout(() => rests.forEach((rest) => rest.setAttribute("hidden", "until-found")));
  };
  place.addEventListener("copy", copy, { signal });
}

/**
 * @param {DocumentFragment} fragment
 * @param {Node} node
 * @param {number} offset
 */
function foldedAt(fragment, node, offset) {
  const range = document.createRange();
  range.setStart(node, offset);
  range.setEndAfter(/** @type {Node} */ (fragment.lastChild));
  fragment.append(el("span", { class: "rest", hidden: "until-found" }, range.extractContents()));
  return fragment;
}

/** @param {Piece} piece */
function drawPiece(piece) {
  if (piece.kind === "plain") return piece.text;
  if (piece.kind === "link") return link(piece.text, piece.href);
  const [, open, code, close] = /** @type {string[]} */ (piece.text.match(PARTS[piece.kind]));
  return el("code", { class: piece.kind === "block" ? "block" : null }, fence(open), code, fence(close));
}

// The fence before, the code, and the fence after it. The first line of a longer block may name its language.
const PARTS = { code: /^(```|`)(.*)(\1)$/s, block: /^(```(?:[^\n`]*\n(?!```))?)(.*?)(```\n?)$/s };

/** @param {string} text */
const fence = (text) => el("span", { class: "fence" }, text);

/**
 * @param {string} text
 * @param {string} href
 */
function link(text, href) {
  const { origin, protocol } = new URL(href);
  const isElsewhere = protocol !== "mailto:" && origin !== location.origin;
  const title = isPlain(text) ? null : href; // the real address reveals letters that look like others
  return el("a", { href, title, target: isElsewhere ? "_blank" : null, rel: "noopener noreferrer nofollow" }, text);
}

/** @param {string} text */
const isPlain = (text) => /^[!-~]*$/.test(text);
