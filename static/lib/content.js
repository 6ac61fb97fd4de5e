/** What the server makes of a message that was written. Pure. */

export const LONGEST_CONTENT = 4000; // code points

/**
 * As the server stores it: trimmed as Python trims; and what no server takes is replaced by a sign that
 * something was there.
 * @param {string} written
 */
export function contentOf(written) {
  const letters = [...written.toWellFormed().replaceAll("\0", "\ufffd").replaceAll("\r\n", "\n")];
  const first = letters.findIndex((letter) => !isSpace(letter));
  const last = letters.findLastIndex((letter) => !isSpace(letter));
  return first < 0 ? "" : letters.slice(first, last + 1).join("");
}

/** @param {string} text */
export const codePoints = (text) => [...text].length;

/** JavaScript takes U+FEFF for a space, and does not know four separators and one line break. @param {string} letter */
function isSpace(letter) {
  return (letter !== "\ufeff" && /\s/.test(letter)) || letter === "\u0085" || (letter >= "\u001c" && letter <= "\u001f");
}
