/** The picture of a user, or the first letter of their name on a colour of their own. */

import { el } from "../lib/dom.js";

const COLOURS = 8;

/** @param {import("../types.js").User} user */
export function avatar(user) {
  if (user.avatarURL) return el("img", { class: "avatar", src: user.avatarURL, alt: "" });
  const colour = [...user.username.toLowerCase()].reduce((sum, c) => (sum * 31 + (c.codePointAt(0) ?? 0)) % 9973, 7);
  const letter = user.username.slice(0, 1).toUpperCase();
  return el("span", { class: "avatar", "data-colour": `${colour % COLOURS}`, "aria-hidden": "true" }, letter);
}
