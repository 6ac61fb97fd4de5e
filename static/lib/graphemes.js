/** Cuts texts by graphemes, which readers see as letters. Pure. */

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
