/** A button over a list, that leads to what is out of sight. */

import { el } from "../lib/dom.js";

const MOST = 999; // the server counts no further

const KINDS = {
  up: { arrow: "↑", counted: "unread", plain: "To where the unread begin" },
  down: { arrow: "↓", counted: "new", plain: "To the newest messages" },
};

/**
 * @param {keyof typeof KINDS} way
 * @param {() => void} act
 */
export function jumpButton(way, act) {
  const { arrow, counted, plain } = KINDS[way];
  const button = el("button", { type: "button", class: `jump ${way}`, hidden: true });
  button.addEventListener("click", act);
  /**
   * @param {number} count
   * @param {boolean} isShown
   */
  function draw(count, isShown) {
    button.hidden = !isShown;
    const text = count > 0 ? `${count > MOST ? `${MOST}+` : count} ${counted} ${arrow}` : arrow;
    if (button.textContent === text) return;
    button.textContent = text;
    if (count > 0) button.removeAttribute("aria-label");
    else button.setAttribute("aria-label", plain);
  }
  return { button, draw };
}
