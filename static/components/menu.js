/** Menus by the WAI-ARIA pattern: arrow keys move, letters find, Escape and Tab leave. */

import { el } from "../lib/dom.js";
import { belongsToComposition } from "../lib/keys.js";

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {() => void} act
 * @property {Node} [icon] shown in place of the label
 * @property {string} [shortcut]
 * @property {boolean} [isChecked] absent: it is not a choice
 * @property {boolean} [isRadio] one choice of several
 * @property {boolean} [isDanger]
 */

/** @param {Item} item */
export function itemOf({ label, act, icon, shortcut, isChecked, isRadio, isDanger }) {
  const role = isChecked === undefined ? "menuitem" : isRadio ? "menuitemradio" : "menuitemcheckbox";
  const checked = isChecked === undefined ? null : `${isChecked}`;
  const hint = shortcut ? el("kbd", { "aria-hidden": "true" }, shortcut) : null;
  const button = el("button", { type: "button", role, tabindex: "-1", class: isDanger ? "danger" : null, "aria-checked": checked, "aria-label": icon ? label : null, "aria-keyshortcuts": shortcut ?? null, title: icon ? label : null }, icon ?? el("span", {}, label), hint);
  button.addEventListener("click", act);
  return button;
}

/**
 * @param {string} label
 * @param {HTMLElement[][]} rows items beside each other, in rows
 * @param {() => void} leave
 */
export function menuOf(label, rows, leave) {
  const drawn = rows.map((items) => (items.length > 1 ? el("div", { role: "group" }, ...items) : items[0]));
  const menu = el("div", { role: "menu", "aria-label": label }, ...drawn);
  menu.addEventListener("keydown", (event) => {
    if (belongsToComposition(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = nextOf(rows, event.key);
    if (event.key === "Tab") leave();
    else if (next) next.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return menu;
}

/**
 * The item that a key moves to.
 * @param {HTMLElement[][]} rows
 * @param {string} key
 */
function nextOf(rows, key) {
  const all = rows.flat();
  const at = all.findIndex((item) => item === document.activeElement);
  const row = rows.findIndex((items) => items.some((item) => item === document.activeElement));
  switch (key) {
    case "ArrowDown":
      return rows[(row + 1) % rows.length][0];
    case "ArrowUp":
      return rows.at(row - 1)?.[0];
    case "ArrowRight":
      return all[(at + 1) % all.length];
    case "ArrowLeft":
      return all.at(at - 1);
    case "Home":
      return all[0];
    case "End":
      return all.at(-1);
    default:
      return key.length === 1 && key !== " " ? named([...all.slice(at + 1), ...all.slice(0, at + 1)], key) : undefined;
  }
}

/**
 * @param {HTMLElement[]} items
 * @param {string} letter
 */
const named = (items, letter) => items.find((item) => item.textContent?.toLowerCase().startsWith(letter.toLowerCase()));
