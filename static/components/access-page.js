/** <access-page></access-page>: introduces Messenger, and offers the sign-in methods. */

import * as api from "../api.js";
import { backoff, pause, retryNow } from "../lib/backoff.js";
import { el, onceAtATime } from "../lib/dom.js";
import { failure, wanted } from "../lib/sign-in-failure.js";
import { Component } from "./context.js";
import { action } from "./notice.js";
import { words } from "../words.js";

class AccessPage extends Component {
  connected() {
    const ways = el("div", { class: "ways" });
    this.replaceChildren(
      el(
        "main",
        { class: "access" },
        el("img", { src: "/favicon.svg", alt: "", class: "logo" }),
        el("h1", {}, words.name),
        el("p", { class: "lead" }, words.tagline),
        failure(location) && el("p", { class: "error", role: "alert" }, failure(location)),
        ways,
      ),
    );
    this.#offer(ways);
  }

  /**
   * @param {HTMLElement} ways
   * @param {number} [failures] so far
   */
  async #offer(ways, failures = 0) {
    try {
      const methods = await api.signInMethods();
      if (this.gone.aborted) return;
      const offers = [methods.dev ? this.#byName() : null, methods.github ? byGitHub() : null];
      ways.replaceChildren(...offers.filter((offer) => offer !== null));
      if (!methods.dev && !methods.github) ways.replaceChildren(words.signIn.noWay);
      ways.querySelector("input")?.focus();
    } catch {
      if (this.gone.aborted) return;
      if (failures === 0) {
        const sentence = el("p", { role: "alert" }, words.connection.unreachable);
        ways.replaceChildren(sentence, action(words.connection.retry, retryNow));
      }
      await pause(backoff(failures + 1), this.gone);
      if (!this.gone.aborted) this.#offer(ways, failures + 1);
    }
  }

  #byName() {
    const input = el("input", {
      id: "username",
      name: "username",
      required: true,
      maxlength: "39",
      autocomplete: "username",
      autocapitalize: "none",
      spellcheck: "false",
      "aria-describedby": "username-error username-hint",
    });
    const error = el("p", { id: "username-error", class: "error", role: "alert" });
    const button = el("button", { type: "submit" }, words.signIn.submit);
    const form = el(
      "form",
      { class: "stack", novalidate: true },
      el("label", { for: "username" }, words.signIn.username),
      input,
      error,
      button,
      el("p", { id: "username-hint", class: "hint" }, words.signIn.anyName, ...names(input), words.signIn.end),
      el("p", { class: "hint" }, words.signIn.bothSides),
    );
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        onceAtATime(button, async () => {
          error.textContent = "";
          try {
            const user = await api.login(input.value.trim());
            if (failure(location)) history.replaceState(null, "", wanted(location));
            this.context.signedIn(user);
          } catch (problem) {
            error.textContent = sentence(problem);
            input.focus();
          }
        });
      },
      { signal: this.gone },
    );
    return form;
  }
}

/** @param {HTMLInputElement} input */
function names(input) {
  return ["john", "jane"].flatMap((name, index) => {
    const button = el("button", { type: "button", class: "link" }, name);
    button.addEventListener("click", () => {
      input.value = name;
      input.form?.requestSubmit();
    });
    return index ? [words.signIn.or, button] : [button];
  });
}

function byGitHub() {
  const query = new URLSearchParams({ return_to: wanted(location) });
  return el("a", { class: "button", href: `/api/oauth/github?${query}` }, words.signIn.gitHub);
}

/** @param {unknown} problem */
function sentence(problem) {
  if (!(problem instanceof api.ApiProblem)) return words.wentWrong;
  return problem.errors.username ? words.username : problem.message;
}

customElements.define("access-page", AccessPage);
