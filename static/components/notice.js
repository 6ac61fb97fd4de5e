/** A notice in place of content: a heading, a sentence, and perhaps a button. */

import { el } from "../lib/dom.js";
import { words } from "../words.js";

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
  const start = action(words.nothingOpen.start, () => document.getElementById("new-conversation")?.focus());
  const place = notice(words.nothingOpen.title, words.nothingOpen.sentence, start);
  place.prepend(el("img", { src: "/favicon.svg", alt: "", class: "mark" }));
  return place;
}

export const nothingHere = (sentence = words.notFound.sentence) =>
  notice(words.notFound.title, sentence, el("a", { href: "/" }, words.toConversations));
