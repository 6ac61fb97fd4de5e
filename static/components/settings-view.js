/** <settings-view></settings-view>: the name, the theme, the devices, and the sign-out. */

import "../late-styles.js";
import { el } from "../lib/dom.js";
import { icon } from "../lib/icon.js";
import { words } from "../words.js";
import { avatar } from "./avatar.js";
import { Component, make } from "./context.js";
import "./display-name.js";
import "./privacy-switches.js";
import "./sign-out.js";
import "./theme-switch.js";
import { nameOf } from "../lib/names.js";

/** @typedef {import("../types.js").User} User */

class SettingsView extends Component {
  #title = el("h1", { tabindex: "-1" }, words.settings.title);
  #profile = el("div", { class: "profile" });

  connected() {
    const back = el("a", { href: "/", class: "back", "aria-label": words.back }, "‹");
    const settings = el(
      "div",
      { class: "settings" },
      this.#profile,
      make("display-name", { context: this.context }),
      document.createElement("theme-switch"),
      make("privacy-switches", { context: this.context }),
      el("a", { href: "/sessions", class: "row" }, icon("devices"), el("span", {}, words.devices.title), el("span", { class: "more", "aria-hidden": "true" }, "›")),
      make("sign-out", { context: this.context }),
    );
    this.replaceChildren(el("main", { class: "place" }, el("header", { class: "with" }, back, this.#title), settings));
    this.context.store.subscribe(({ me }) => me && this.#draw(me), this.gone);
  }

  /** @param {User} me */
  #draw(me) {
    this.#profile.replaceChildren(avatar(me), el("bdi", { class: "name" }, nameOf(me)));
  }
}

customElements.define("settings-view", SettingsView);
