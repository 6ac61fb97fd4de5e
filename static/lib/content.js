/** Normalises the text of a message like the server. Pure. */

export const LONGEST_CONTENT = 4000; // code points

/**
 * Returns the text as the server stores it: without blank lines at the start and white space at the end. Replaces
 * characters that the server refuses by U+FFFD. Returns an empty text if nothing would be visible.
 * @param {string} written
 */
export function contentOf(written) {
  const text = written.toWellFormed().replaceAll("\0", "\ufffd").replaceAll("\r\n", "\n");
  if (![...text].some((letter) => !isSpace(letter) && !HIDDEN.test(letter))) return "";
  let [start, end] = [0, text.length];
  while (isSpace(text[end - 1])) end -= 1;
  while (isSpace(text[start])) start += 1;
  return text.slice(text.lastIndexOf("\n", start) + 1, end);
}

/** @param {string} text */
export const codePoints = (text) => [...text].length;

/** Characters that are never drawn, and the braille pattern without dots. */
const HIDDEN = /[\p{Default_Ignorable_Code_Point}\u2800]/u;

/** JavaScript counts U+FEFF as a space, but not four separators and one line break. @param {string} letter */
function isSpace(letter) {
  return (letter !== "\ufeff" && /\s/.test(letter)) || letter === "\u0085" || (letter >= "\u001c" && letter <= "\u001f");
}
