/** Finds the beginning of an `@name` that is being typed. Pure. */

const BEGUN = /(?<![\p{L}\p{Nd}@])@([A-Za-z0-9-]*)$/u; // as the server finds names

/**
 * The name before the caret, without `@`, and where its `@` is; null if there is none.
 * @param {string} text up to the caret
 * @returns {{at: number, name: string} | null}
 */
export function callBefore(text) {
  const found = text.match(BEGUN);
  return found ? { at: found.index ?? 0, name: found[1] } : null;
}
