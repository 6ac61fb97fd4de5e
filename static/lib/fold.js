/** How much of a very tall text is shown before somebody asks for all of it. Pure. */

const MOST_LINES = 70; // two screens of a desk; more are folded
const SHOWN_LINES = 40;

/**
 * Where in `text` what is shown ends, between two letters; null where all of it is shown.
 * @param {string} text
 * @param {number} columns about as many letters as a line has room for
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

/** One by one: a look at the first of four thousand is enough. @param {string} text */
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
