/** What somebody means who types, or pastes, the name of a user. Pure. */

const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu; // comes along when a name is copied from elsewhere

/**
 * The name without what people put around it: `@jack`, `＠ｊａｃｋ` as some keyboards have it, spaces.
 * @param {string} typed
 */
export const nameIn = (typed) => typed.normalize("NFKC").replace(INVISIBLE, "").trim().replace(/^@+\s*/, "");

/**
 * Those of `names` that have `search` anywhere, the ones that begin with it first.
 * @param {string[]} names
 * @param {string} search
 */
export function having(names, search) {
  const sought = search.toLowerCase();
  const at = (/** @type {string} */ name) => name.toLowerCase().indexOf(sought);
  return names.filter((name) => at(name) >= 0).sort((a, b) => Number(at(a) > 0) - Number(at(b) > 0));
}
