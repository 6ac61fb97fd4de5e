/** A dialog whose content is beside an element. On small and touch screens, it is at the lower edge. */

import { el } from "../lib/dom.js";

const MARGIN_PIXELS = 8; // from the edge of the window
const SHEET = "(hover: none), (max-width: 40rem)";

export class PanelDialog {
  #dialog;
  #panel = el("div", { class: "panel" });
  #isHeld = false; // the finger that has opened it will be lifted, which must press nothing
  #anchor = () => new DOMRect();
  #isAtEnd = false;

  /**
   * @param {HTMLElement} place
   * @param {string} label
   * @param {() => void} closed called after each time
   */
  constructor(place, label, closed) {
    this.#dialog = el("dialog", { class: "acts", "aria-label": label }, this.#panel);
    place.append(this.#dialog);
    const options = { capture: true };
    this.#dialog.addEventListener("pointerdown", () => (this.#isHeld = false), options);
    this.#dialog.addEventListener("click", (event) => this.#isHeld && event.stopPropagation(), options);
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.close()); // beside its content
    this.#dialog.addEventListener("close", () => this.#dialog.open || closed()); // it may have been opened again
    this.closed = closed;
  }

  /**
   * @param {HTMLElement} content
   * @param {object} where
   * @param {() => DOMRect} where.anchor the place of the element that it belongs to
   * @param {boolean} where.isAtEnd whether their right edges are in line, not the left ones
   * @param {boolean} [where.isHeld] whether a finger still presses the element
   */
  show(content, { anchor, isAtEnd, isHeld = false }) {
    this.#anchor = anchor;
    this.#isAtEnd = isAtEnd;
    this.#isHeld = isHeld;
    this.#panel.replaceChildren(content);
    if (!this.#dialog.open) this.#dialog.showModal();
    this.place();
  }

  close() {
    if (this.#dialog.open) this.#dialog.close();
    this.#panel.replaceChildren();
    this.closed();
  }

  /** Puts the content beside its element and within the window. Call it when its size changes. */
  place() {
    const isSheet = matchMedia(SHEET).matches;
    this.#dialog.classList.toggle("sheet", isSheet);
    this.#panel.style.left = this.#panel.style.top = "";
    if (isSheet) return;
    const anchor = this.#anchor();
    const { width, height } = this.#panel.getBoundingClientRect();
    const left = this.#isAtEnd ? anchor.right - width : anchor.left;
    const isBelow = anchor.bottom + MARGIN_PIXELS + height <= innerHeight;
    const top = isBelow ? anchor.bottom + MARGIN_PIXELS : anchor.top - height - MARGIN_PIXELS;
    this.#panel.style.left = `${Math.max(MARGIN_PIXELS, Math.min(left, innerWidth - width - MARGIN_PIXELS))}px`;
    this.#panel.style.top = `${Math.max(MARGIN_PIXELS, Math.min(top, innerHeight - height - MARGIN_PIXELS))}px`;
  }
}
