/** Recognises a long press of a finger. */

const HELD_MILLISECONDS = 500; // as on most phones
const STILL_PIXELS = 10; // a finger that moves further scrolls

export class LongPress {
  #timer = 0;
  #from = { x: 0, y: 0 };
  #isTouch = false;
  #isHeld = false;

  /**
   * @param {HTMLElement} place
   * @param {(target: EventTarget | null) => boolean} act returns whether it has done something
   * @param {AbortSignal} gone
   */
  constructor(place, act, gone) {
    const options = { signal: gone };
    place.addEventListener("pointerdown", (event) => this.#begin(event, act), options);
    place.addEventListener("pointermove", (event) => this.#move(event), options);
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) place.addEventListener(name, () => clearTimeout(this.#timer), options);
    place.addEventListener("contextmenu", (event) => this.#isTouch && (this.#isHeld || act(event.target)) && event.preventDefault(), options);
    place.addEventListener("click", (event) => this.#end(event), { ...options, capture: true });
    gone.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /**
   * @param {PointerEvent} event
   * @param {(target: EventTarget | null) => boolean} act
   */
  #begin({ target, pointerType, isPrimary, clientX: x, clientY: y }, act) {
    clearTimeout(this.#timer);
    this.#isTouch = pointerType === "touch";
    this.#isHeld = false;
    this.#from = { x, y };
    if (this.#isTouch && isPrimary) this.#timer = setTimeout(() => (this.#isHeld = act(target)), HELD_MILLISECONDS);
  }

  /** @param {PointerEvent} event */
  #move({ clientX, clientY }) {
    if (Math.hypot(clientX - this.#from.x, clientY - this.#from.y) > STILL_PIXELS) clearTimeout(this.#timer);
  }

  /** The lifted finger must not press what was under it. @param {MouseEvent} event */
  #end(event) {
    if (this.#isHeld) event.preventDefault();
    if (this.#isHeld) event.stopPropagation();
    this.#isHeld = false;
  }
}
