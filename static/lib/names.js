/** Names of people: the one that is shown, and user names that were typed or pasted. Pure. */

/** @typedef {import("../types.js").User} User */

const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu; // may surround a copied name

/**
 * The name that people see.
 * @param {User} user
 */
export const nameOf = (user) => user.displayName ?? user.username;

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
