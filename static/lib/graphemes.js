/** Cuts texts by graphemes, which readers see as letters, and decides where to fold a very tall text. Pure. */

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
