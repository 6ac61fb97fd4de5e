/** <theme-switch></theme-switch>: the theme of the system, light, or dark. The browser stores it (early.js). */

import { el } from "../lib/dom.js";
import { icon } from "../lib/icon.js";
import { words } from "../words.js";

const KEY = "messenger.theme";
/** @typedef {"system" | "light" | "dark"} Theme */

/** @type {Theme[]} */
const THEMES = ["system", "light", "dark"];

class ThemeSwitch extends HTMLElement {
  #radios = THEMES.map((theme) => el("input", { type: "radio", name: "theme", value: theme }));
  #gone = new AbortController();

  connectedCallback() {
    this.#gone = new AbortController();
    const { signal } = this.#gone;
    const labels = this.#radios.map((radio, n) => el("label", {}, radio, icon(THEMES[n]), el("span", {}, words.theme[THEMES[n]])));
    this.replaceChildren(el("fieldset", {}, el("legend", {}, words.theme.label), ...labels));
    this.addEventListener("change", ({ target }) => target instanceof HTMLInputElement && choose(target.value), { signal });
    addEventListener("storage", ({ key, newValue }) => key === KEY && this.#draw(newValue), { signal });
    this.#draw(kept());
  }

  disconnectedCallback() {
    this.#gone.abort();
  }

  /** @param {string | null} choice */
  #draw(choice) {
    const theme = THEMES.find((theme) => theme === choice) ?? "system";
    for (const radio of this.#radios) radio.checked = radio.value === theme;
  }
}

function kept() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is switched off: the choice lasts until a reload
  }
}

/** @param {string} theme */
function choose(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // storage is switched off
  }
  dispatchEvent(new StorageEvent("storage", { key: KEY, newValue: theme })); // the event that other tabs get
}

customElements.define("theme-switch", ThemeSwitch);
