/** <theme-switch></theme-switch>: as the system has it, light, or dark; kept for this browser (theme.js). */

import { el } from "../lib/dom.js";
import { icon } from "../lib/icon.js";
import { words } from "../words.js";

const KEY = "messenger.theme";
/** @typedef {"system" | "light" | "dark"} Theme */

/** @type {Theme[]} each press leads to the next */
const THEMES = ["system", "light", "dark"];

class ThemeSwitch extends HTMLElement {
  /** @type {Theme} */
  #theme = "system";
  #button = el("button", { type: "button", class: "icon-button" });
  #told = el("span", { class: "visually-hidden", role: "status" });
  #gone = new AbortController();

  connectedCallback() {
    this.#gone = new AbortController();
    const { signal } = this.#gone;
    this.replaceChildren(this.#button, this.#told);
    this.#button.addEventListener("click", () => this.#press(), { signal });
    addEventListener("storage", ({ key, newValue }) => key === KEY && this.#draw(newValue), { signal });
    this.#draw(kept());
  }

  disconnectedCallback() {
    this.#gone.abort();
  }

  #press() {
    choose(THEMES[(THEMES.indexOf(this.#theme) + 1) % THEMES.length]);
    this.#told.textContent = nameOf(this.#theme);
  }

  /** @param {string | null} choice */
  #draw(choice) {
    this.#theme = THEMES.find((theme) => theme === choice) ?? "system";
    this.#button.replaceChildren(icon(this.#theme));
    this.#button.setAttribute("aria-label", nameOf(this.#theme));
    this.#button.title = nameOf(this.#theme);
  }
}

/** @param {Theme} theme */
const nameOf = (theme) => words.theme.chosen(words.theme[theme]);

function kept() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is switched off: the choice holds while this page does
  }
}

/** @param {Theme} theme */
function choose(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // as above
  }
  dispatchEvent(new StorageEvent("storage", { key: KEY, newValue: theme })); // as other tabs hear of it
}

customElements.define("theme-switch", ThemeSwitch);
