/** Reads a user name that was typed or pasted. Pure. */

const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu; // may surround a copied name

/**
 * Removes characters around a name: `@jack`, full-width `＠ｊａｃｋ`, spaces.
 * @param {string} typed
 */
export const nameIn = (typed) => typed.normalize("NFKC").replace(INVISIBLE, "").trim().replace(/^@+\s*/, "");

/**
 * The `names` that contain `search`. Those that begin with it come first.
 * @param {string[]} names
 * @param {string} search
 */
export function having(names, search) {
  const sought = search.toLowerCase();
  const at = (/** @type {string} */ name) => name.toLowerCase().indexOf(sought);
  return names.filter((name) => at(name) >= 0).sort((a, b) => Number(at(a) > 0) - Number(at(b) > 0));
}
