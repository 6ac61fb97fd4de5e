/** The picture of a user, or the first letter of their name on a colour of their own. */

import { el } from "../lib/dom.js";

/** @typedef {import("../types.js").User} User */

const COLOURS = 8;

/** @param {User} user */
export function avatar(user) {
  if (!user.avatarURL || !isOwnPath(user.avatarURL)) return initial(user);
  const picture = el("img", { class: "avatar", src: user.avatarURL, alt: "" });
  picture.addEventListener("error", () => picture.replaceWith(initial(user)), { once: true });
  return picture;
}

/**
 * A picture from anywhere else would tell that place who looks at it.
 * @param {string} url
 */
function isOwnPath(url) {
  return url.startsWith("/") && URL.canParse(url, location.origin) && new URL(url, location.origin).origin === location.origin;
}

/** @param {User} user */
function initial({ username }) {
  const letters = [...username];
  const sum = letters.reduce((n, c) => (n * 31 + (c.toLowerCase().codePointAt(0) ?? 0)) % 9973, 7);
  const letter = letters.at(0)?.toUpperCase() ?? "";
  return el("span", { class: "avatar", "data-colour": `${sum % COLOURS}`, "aria-hidden": "true" }, letter);
}
