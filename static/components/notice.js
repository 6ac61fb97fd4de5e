/** What stands where there is nothing to show: one heading, one sentence, one way on. */

import { el } from "../lib/dom.js";

/**
 * @param {string} title
 * @param {string} sentence
 * @param {HTMLElement | null} [wayOn]
 */
export function notice(title, sentence, wayOn = null) {
  return el("main", { class: "notice" }, el("h1", { tabindex: "-1" }, title), el("p", {}, sentence), wayOn);
}

/**
 * @param {string} label
 * @param {() => void} act
 */
export function action(label, act) {
  const button = el("button", { type: "button" }, label);
  button.addEventListener("click", act);
  return button;
}

export function nothingChosen() {
  const start = action("Start a conversation", () => document.getElementById("new-conversation")?.focus());
  const place = notice("No conversation is open", "Choose one from the list, or start one by a user name.", start);
  place.prepend(el("img", { src: "/favicon.svg", alt: "", class: "mark" }));
  return place;
}

export const nothingHere = (sentence = "The address may be mistyped, or what it led to is not yours to see.") =>
  notice("There is nothing here", sentence, el("a", { href: "/" }, "To your conversations"));
