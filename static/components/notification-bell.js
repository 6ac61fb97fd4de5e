/** <notification-bell></notification-bell>: shows whether notifications are on, and switches them. */

import { el } from "../lib/dom.js";
import { icon } from "../lib/icon.js";
import { Component } from "./context.js";
import { words } from "../words.js";

/** @typedef {Awaited<import("./context.js").Context["notifications"]>} Notifications */

const SENTENCES = {
  missing: "",
  ask: words.notifications.off,
  off: words.notifications.off,
  on: words.notifications.on,
  blocked: words.notifications.blocked,
};

class NotificationBell extends Component {
  #button = el("button", { type: "button", class: "icon-button", "aria-label": words.notifications.label });

  async connected() {
    const { gone } = this;
    this.hidden = true;
    const notifications = await this.context.notifications;
    if (gone.aborted || notifications.status === "missing") return;
    this.replaceChildren(this.#button);
    this.hidden = false;
    this.#button.addEventListener("click", () => turn(notifications), { signal: gone });
    notifications.subscribe(() => this.#draw(notifications.status), gone);
  }

  /** @param {keyof typeof SENTENCES} status */
  #draw(status) {
    this.#button.replaceChildren(icon(status === "on" ? "bell" : "bell-off"));
    this.#button.setAttribute("aria-pressed", `${status === "on"}`);
    this.#button.title = SENTENCES[status];
    this.#button.setAttribute("aria-disabled", `${status === "blocked"}`); // `disabled` would take the focus away
  }
}

/** @param {Notifications} notifications */
function turn(notifications) {
  if (notifications.status === "on") notifications.turnOff();
  else if (notifications.status !== "blocked") notifications.turnOn();
}

customElements.define("notification-bell", NotificationBell);
