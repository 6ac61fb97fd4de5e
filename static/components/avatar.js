/** The picture of a user, or the first letter of their name on a colour of their own. */

import { el } from "../lib/dom.js";

/** @typedef {import("../types.js").User} User */

const COLOURS = 8;

/** @param {User} user */
export function avatar(user) {
  const src = avatarPath(user);
  if (src === null) return initial(user);
  const picture = el("img", { class: "avatar", src, alt: "" });
  picture.addEventListener("error", () => picture.replaceWith(initial(user)), { once: true });
  return picture;
}

/**
 * Where a user's picture is, if it is a path of this server: one from anywhere else would tell that place
 * who looks at it.
 * @param {User | undefined} user
 */
export function avatarPath(user) {
  const path = user?.avatarURL ?? "";
  const isOwn = path.startsWith("/") && URL.canParse(path, location.origin);
  return isOwn && new URL(path, location.origin).origin === location.origin ? path : null;
}

/** @param {User} user */
function initial({ username }) {
  const letters = [...username];
  const sum = letters.reduce((n, c) => (n * 31 + (c.toLowerCase().codePointAt(0) ?? 0)) % 9973, 7);
  const letter = letters.at(0)?.toUpperCase() ?? "";
  return el("span", { class: "avatar", "data-colour": `${sum % COLOURS}`, "aria-hidden": "true" }, letter);
}
