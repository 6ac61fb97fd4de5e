/** The picture of a user, or two letters of the name on a colour derived from it. */

import { el } from "../lib/dom.js";
import { nameOf } from "../lib/names.js";

/** @typedef {import("../types.js").User} User */

const COLOURS = 16; // as in tokens.css

/**
 * The picture of the other participant; a tile with the letters of its name for a group.
 * @param {import("../types.js").Conversation} conversation
 */
export function pictureOf({ id, group, otherParticipant }) {
  return otherParticipant ? avatar(otherParticipant) : tile(id, group?.name ?? "");
}

/** @param {User} user */
export function avatar(user) {
  const src = avatarPath(user);
  if (src === null) return initials(user);
  const picture = el("img", { class: "avatar", src, alt: "" });
  picture.addEventListener("error", () => picture.replaceWith(initials(user)), { once: true });
  return picture;
}

/**
 * The path of a user's picture, if this server has it. Loading a picture from elsewhere would tell that host who looks
 * at it.
 * @param {User | null | undefined} user
 */
export function avatarPath(user) {
  const path = user?.avatarURL ?? "";
  const isOwn = path.startsWith("/") && URL.canParse(path, location.origin);
  return isOwn && new URL(path, location.origin).origin === location.origin ? path : null;
}

/** The colour stays with the user name when a display name changes. @param {User} user */
function initials(user) {
  return letters("avatar", user.username.normalize("NFC").toLowerCase(), nameOf(user));
}

/**
 * A tile, because only people are round. Its colour stays with the id when the group is renamed.
 * @param {string} id
 * @param {string} name
 */
const tile = (id, name) => letters("avatar tile", `group ${id}`, name);

/**
 * @param {string} look
 * @param {string} seed of the colour
 * @param {string} name
 */
const letters = (look, seed, name) =>
  el("span", { class: look, "data-colour": `${hashOf(seed) % COLOURS}`, "aria-hidden": "true" }, lettersOf(name));

/**
 * The first letter, and the first of the second part of the name if there is one: "JA" for jane, "MO" for max-of-the-sea.
 * @param {string} name
 */
export function lettersOf(name) {
  const [first = "", second] = name.split(/[-\s]+/u).filter(Boolean);
  const [one = "", two = ""] = first;
  return (one + (second?.[Symbol.iterator]().next().value ?? two)).toUpperCase();
}

/**
 * The FNV-1a hash. Names that differ by one letter get different colours as often as any others.
 * @param {string} text
 */
export function hashOf(text) {
  let hash = 0x811c9dc5;
  for (let n = 0; n < text.length; n += 1) hash = Math.imul(hash ^ text.charCodeAt(n), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
