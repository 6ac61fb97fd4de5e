/** The picture of a user, or the first letter of their name on a colour of their own. */

import { el } from "../lib/dom.js";

/** @typedef {import("../types.js").User} User */

const COLOURS = 8;

/** @param {User} user */
export function avatar(user) {
  if (!user.avatarURL) return initial(user);
  const picture = el("img", { class: "avatar", src: user.avatarURL, alt: "" });
  picture.addEventListener("error", () => picture.replaceWith(initial(user)), { once: true });
  return picture;
}

/** @param {User} user */
function initial({ username }) {
  const sum = [...username.toLowerCase()].reduce((n, c) => (n * 31 + (c.codePointAt(0) ?? 0)) % 9973, 7);
  const letter = username.slice(0, 1).toUpperCase();
  return el("span", { class: "avatar", "data-colour": `${sum % COLOURS}`, "aria-hidden": "true" }, letter);
}
