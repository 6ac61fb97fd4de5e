/** A sign-in at another site that came to nothing: the server leads to /access, and says why by a word. */

const PLACE = "/access";

/** @type {Record<string, string>} */
const SENTENCES = {
  denied: "GitHub was not allowed to say who you are.",
  expired: "That sign-in took too long, was used before, or was begun in another browser. Please try again.",
  refused: "GitHub refused the sign-in. Please try again.",
  unreachable: "GitHub could not be reached. Please try again in a while.",
  unusable: "GitHub gave an answer that this server cannot use. Please try again in a while.",
};

/**
 * The sentence for it; null where nothing failed.
 * @param {{pathname: string, search: string}} place
 */
export function failure({ pathname, search }) {
  const code = pathname === PLACE ? new URLSearchParams(search).get("error") : null;
  if (code === null) return null;
  return Object.hasOwn(SENTENCES, code) ? SENTENCES[code] : "The sign-in did not work. Please try again.";
}

/**
 * The path that was asked for in the first place, which is not that of a failure.
 * @param {{pathname: string, search: string}} place
 */
export function wanted({ pathname, search }) {
  if (pathname !== PLACE) return pathname;
  const path = new URLSearchParams(search).get("return_to") ?? "";
  return /^\/(?![/\\])[!-[\]-~]*$/.test(path) ? path : "/";
}
