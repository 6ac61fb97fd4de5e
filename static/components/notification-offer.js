/** <notification-offer></notification-offer>: offers notifications after a message has arrived out of sight. */

import { el } from "../lib/dom.js";
import { Component } from "./context.js";
import { words } from "../words.js";

class NotificationOffer extends Component {
  async connected() {
    const { gone } = this;
    this.hidden = true;
    const notifications = await this.context.notifications;
    if (gone.aborted) return;
    const yes = el("button", { type: "button", class: "quiet" }, words.notifications.turnOn);
    const no = el("button", { type: "button", class: "quiet" }, words.notifications.notNow);
    this.replaceChildren(el("p", {}, words.notifications.offer), yes, no);
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", words.notifications.label);
    yes.addEventListener("click", () => notifications.turnOn(), { signal: gone });
    no.addEventListener("click", () => notifications.turnOff(), { signal: gone });
    notifications.subscribe(() => this.#show(notifications.offered), gone);
  }

  /** @param {boolean} offered */
  #show(offered) {
    const isHere = this.contains(document.activeElement);
    this.hidden = !offered;
    if (isHere && this.hidden) /** @type {HTMLElement | null} */ (document.querySelector("main h1"))?.focus({ preventScroll: true });
  }
}

customElements.define("notification-offer", NotificationOffer);
