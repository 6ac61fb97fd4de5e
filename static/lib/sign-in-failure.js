/** A failed sign-in at another site: the server redirects to /access, with a code for the reason. */

import { words } from "../words.js";

const PLACE = "/access";

/** @type {Record<string, string>} */
const SENTENCES = words.signIn.failures;

/**
 * The sentence for a failed sign-in; null if none failed.
 * @param {{pathname: string, search: string}} place
 */
export function failure({ pathname, search }) {
  const code = pathname === PLACE ? new URLSearchParams(search).get("error") : null;
  if (code === null) return null;
  return Object.hasOwn(SENTENCES, code) ? SENTENCES[code] : SENTENCES.other;
}

/**
 * The path that the user wanted to open before the sign-in.
 * @param {{pathname: string, search: string}} place
 */
export function wanted({ pathname, search }) {
  if (pathname !== PLACE) return pathname;
  const path = new URLSearchParams(search).get("return_to") ?? "";
  return isPlace(path) ? path : "/";
}

const PRINTABLE = /^\/(?![/\\])[!-[\]-~]*$/;
const NOT_A_PLACE = /(?:^|\/)\.{1,2}(?:\/|$)|^\/(?:api|avatars|health|metrics)(?:\/|$)|[\\\0]/i;

/**
 * Whether a path leads to a place in the page, also after a browser resolves dots and escapes.
 * @param {string} path
 */
function isPlace(path) {
  const [place] = path.split(/[?#]/);
  try {
    return PRINTABLE.test(path) && !NOT_A_PLACE.test(decodeURIComponent(place));
  } catch {
    return false; // not UTF-8
  }
}
