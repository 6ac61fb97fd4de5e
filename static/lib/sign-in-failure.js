/** A sign-in at another site that came to nothing: the server leads to /access, and says why by a word. */

import { words } from "../words.js";

const PLACE = "/access";

/** @type {Record<string, string>} */
const SENTENCES = words.signIn.failures;

/**
 * The sentence for it; null where nothing failed.
 * @param {{pathname: string, search: string}} place
 */
export function failure({ pathname, search }) {
  const code = pathname === PLACE ? new URLSearchParams(search).get("error") : null;
  if (code === null) return null;
  return Object.hasOwn(SENTENCES, code) ? SENTENCES[code] : SENTENCES.other;
}

/**
 * The path that was asked for in the first place, which is not that of a failure.
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
 * Whether a path leads to a place in the page, whatever a browser makes of dots and escapes in it.
 * @param {string} path
 */
function isPlace(path) {
  const [place] = path.split(/[?#]/);
  try {
    return PRINTABLE.test(path) && !NOT_A_PLACE.test(decodeURIComponent(place));
  } catch {
    return false; // no text in UTF-8
  }
}
