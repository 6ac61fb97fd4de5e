/** <display-name></display-name>: the name that others see in place of the user name. */

import { words } from "../act-words.js";
import * as later from "../later-api.js";
import * as api from "../api.js";
import { el, onceAtATime } from "../lib/dom.js";
import { Component } from "./context.js";

const LONGEST_NAME = "80"; // more than the server takes, so that its sentence explains it

class DisplayName extends Component {
  #input = el("input", { id: "display-name", type: "text", dir: "auto", autocomplete: "name", maxlength: LONGEST_NAME, "aria-describedby": "display-name-error" });
  #save = el("button", { type: "submit", class: "quiet" }, words.settings.save);
  #said = el("p", { class: "hint", role: "status" });
  #error = el("p", { id: "display-name-error", class: "error", role: "alert" });
  #shown = ""; // the saved name

  connected() {
    const label = el("label", { for: "display-name" }, words.settings.displayName);
    const form = el("form", {}, label, el("div", { class: "line" }, this.#input, this.#save), this.#said, this.#error);
    this.replaceChildren(form);
    form.addEventListener("submit", (event) => this.#submit(event), { signal: this.gone });
    this.#input.addEventListener("input", () => this.#tell("", ""), { signal: this.gone });
    this.context.store.subscribe(({ me }) => me && this.#show(me), this.gone);
  }

  /** Keeps what the user is typing. @param {import("../types.js").User} me */
  #show({ username, displayName = "" }) {
    this.#input.placeholder = username;
    if (this.#input.value === this.#shown) this.#input.value = displayName;
    this.#shown = displayName;
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    const name = this.#input.value.trim();
    this.#tell("", "");
    await onceAtATime(this.#save, () => this.#change(name));
  }

  /** @param {string} name empty: none */
  async #change(name) {
    try {
      const user = await later.setDisplayName(name === "" ? null : name);
      this.#input.value = this.#shown = user.displayName ?? "";
      this.context.store.dispatch({ type: "signed in", user });
      this.#tell(words.settings.saved, "");
    } catch (error) {
      this.context.refused(error);
      const problem = error instanceof api.ApiProblem ? error : null;
      this.#tell("", problem?.errors.displayName ?? problem?.message ?? words.settings.failed);
    }
  }

  /**
   * @param {string} said
   * @param {string} error
   */
  #tell(said, error) {
    this.#said.textContent = said;
    this.#error.textContent = error;
    this.#input.setAttribute("aria-invalid", `${error !== ""}`);
  }
}

customElements.define("display-name", DisplayName);
