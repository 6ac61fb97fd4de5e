/** <notification-bell></notification-bell>: whether this browser tells of new messages, and the switch for it. */

import { el } from "../lib/dom.js";
import { icon } from "../lib/icon.js";
import { Component } from "./context.js";

/** @typedef {Awaited<import("./context.js").Context["notifications"]>} Notifications */

const SENTENCES = {
  missing: "",
  ask: "Notifications are off",
  off: "Notifications are off",
  on: "Notifications are on",
  blocked: "Notifications are blocked in this browser's settings for the page",
};

class NotificationBell extends Component {
  #button = el("button", { type: "button", class: "icon-button", "aria-label": "Notifications" });

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
    this.#button.disabled = status === "blocked";
  }
}

/** @param {Notifications} notifications */
function turn(notifications) {
  if (notifications.status === "on") notifications.turnOff();
  else notifications.turnOn();
}

customElements.define("notification-bell", NotificationBell);
