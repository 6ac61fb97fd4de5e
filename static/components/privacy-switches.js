/** <privacy-switches></privacy-switches>: what others learn of the user. The server keeps it. */

import { words } from "../act-words.js";
import * as later from "../later-api.js";
import { backoff, pause } from "../lib/backoff.js";
import { el } from "../lib/dom.js";
import { Component } from "./context.js";

/** @typedef {import("../types.js").Settings} Settings */

/** @type {(keyof Settings)[]} */
const NAMES = ["receipts", "typing"];

class PrivacySwitches extends Component {
  #switches = NAMES.map((name) => el("input", { type: "checkbox", role: "switch", name, disabled: true }));
  #error = el("p", { class: "error", role: "alert" });

  connected() {
    const labels = this.#switches.map((input, n) => el("label", {}, el("span", {}, words.settings[NAMES[n]]), input));
    this.replaceChildren(el("fieldset", {}, el("legend", {}, words.settings.privacy), ...labels), this.#error);
    this.addEventListener("change", ({ target }) => target instanceof HTMLInputElement && this.#turn(target), { signal: this.gone });
    this.#load();
  }

  /** Fetches the settings, until it succeeds. */
  async #load() {
    for (let failures = 1; !this.gone.aborted; failures += 1) {
      try {
        return this.#show(await later.settings());
      } catch (error) {
        this.context.refused(error);
        await pause(backoff(failures), this.gone);
      }
    }
  }

  /** @param {Settings} settings */
  #show(settings) {
    this.#switches.forEach((input, n) => {
      input.checked = settings[NAMES[n]];
      input.disabled = false;
    });
  }

  /** @param {HTMLInputElement} input */
  async #turn(input) {
    this.#error.textContent = "";
    const wanted = input.checked;
    try {
      this.#show(await later.changeSettings({ [input.name]: wanted }));
    } catch (error) {
      this.context.refused(error);
      input.checked = !wanted;
      this.#error.textContent = words.settings.failed;
    }
  }
}

customElements.define("privacy-switches", PrivacySwitches);
