/** One row of the members of a group. It is updated in place, so that its button keeps the focus. */

import { el } from "../lib/dom.js";
import { nameOf } from "../lib/names.js";
import { words } from "../words.js";
import { avatar } from "./avatar.js";
import { namesOf } from "./people-field.js";

/**
 * @typedef {{label: string, act: (button: HTMLButtonElement) => void, isDanger?: boolean}} Way something to do with a member
 *
 * @typedef {object} Row
 * @property {import("../types.js").Member} member
 * @property {boolean} isMe
 * @property {Way[]} ways without any, the row has no button
 * @property {boolean} isOpen whether the ways are shown
 * @property {() => void} toggle
 */

/**
 * @param {HTMLElement} item
 * @param {Row} row
 */
export function drawMember(item, { member: { user, role }, isMe, ways, isOpen, toggle }) {
  const state = JSON.stringify([user, role, isMe, ways.length]);
  if (item.dataset.state !== state) {
    const hadFocus = item.contains(document.activeElement);
    const notes = [isMe && words.group.you, role === "admin" && words.group.admin].filter((note) => note !== false);
    const note = el("span", { class: "hint" }, notes.join(" · "));
    const options = optionsButton(nameOf(user), toggle);
    item.replaceChildren(avatar(user), el("span", { class: "names" }, ...namesOf(user)), note, ...(ways.length > 0 ? [options] : []));
    item.tabIndex = -1; // for the first of those that were added below
    item.dataset.state = state;
    if (hadFocus) (ways.length > 0 ? options : item).focus();
  }
  drawWays(item, ways, isOpen);
}

/**
 * @param {string} name
 * @param {() => void} toggle
 */
function optionsButton(name, toggle) {
  const button = el("button", { type: "button", class: "icon-button options", "aria-label": words.group.options(name), "aria-expanded": "false" }, "⋯");
  button.addEventListener("click", toggle);
  return button;
}

/**
 * @param {HTMLElement} item
 * @param {Way[]} ways
 * @param {boolean} isOpen
 */
function drawWays(item, ways, isOpen) {
  const there = item.querySelector(":scope > .ways");
  item.querySelector(":scope > .options")?.setAttribute("aria-expanded", `${isOpen && ways.length > 0}`);
  if (!isOpen || ways.length === 0) return there?.remove();
  if (there) return;
  const buttons = ways.map(({ label, act, isDanger }) => {
    const button = el("button", { type: "button", class: isDanger ? "quiet danger" : "quiet" }, label);
    button.addEventListener("click", () => act(button));
    return button;
  });
  item.append(el("div", { class: "ways" }, ...buttons));
}
