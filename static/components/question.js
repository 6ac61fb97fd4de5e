/** Asks before something that cannot be undone. */

import { el } from "../lib/dom.js";
import { belongsToComposition } from "../lib/keys.js";
import { words } from "../words.js";

/**
 * Shows a question after the button that was pressed. Resolves with whether to go on.
 * @param {HTMLElement} button gets the focus back
 * @param {string} sentence
 * @param {string} label of the button that goes on
 * @returns {Promise<boolean>}
 */
export function asked(button, sentence, label) {
  const { promise, resolve } = Promise.withResolvers();
  const stay = el("button", { type: "button", class: "quiet" }, words.group.cancel);
  const go = el("button", { type: "button", class: "quiet danger" }, label);
  const question = el("div", { class: "question", role: "alertdialog", "aria-label": label }, el("p", {}, sentence), stay, go);
  const answer = (/** @type {boolean} */ isYes) => () => {
    question.remove();
    button.focus();
    resolve(isYes);
  };
  stay.addEventListener("click", answer(false));
  go.addEventListener("click", answer(true));
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || belongsToComposition(event)) return;
    event.stopPropagation();
    stay.click();
  });
  if (button.nextElementSibling?.classList.contains("question")) return Promise.resolve(false); // it is asked already
  button.after(question);
  stay.focus();
  return promise;
}
