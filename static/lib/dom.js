/** Elements: built, where text is only ever text; drawn anew, once a frame; and found where they are in sight. */

import { words } from "../words.js";

const HIDDEN_MILLISECONDS = 100; // a page that is not on screen has no frames

/**
 * An element with attributes and children; a string child becomes a text node.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | boolean | null>} [attributes] true is an empty one, false and null none
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * Does `act`, unless it is being done already. Meanwhile the button is grey and keeps the focus, which
 * `disabled` would take from it.
 * @param {HTMLButtonElement} button
 * @param {() => Promise<unknown>} act
 */
export async function onceAtATime(button, act) {
  if (button.hasAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  try {
    await act();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/**
 * Makes the children of `parent` those of `items`, in their order; an element whose key is still
 * there is kept and drawn anew, so that focus and scrolling survive.
 * @template T
 * @param {Element} parent
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T, element: HTMLLIElement) => void} draw
 */
export function reconcile(parent, items, key, draw) {
  const known = new Map([...parent.children].map((child) => [child.getAttribute("data-key"), child]));
  const wanted = items.map((item) => {
    const name = key(item);
    const before = known.get(name);
    known.delete(name);
    const element = before instanceof HTMLLIElement ? before : el("li", { "data-key": name });
    drawSafely(item, element, draw);
    return element;
  });
  const kept = new Set(wanted);
  for (const child of [...parent.children]) if (!kept.has(/** @type {any} */ (child))) child.remove();
  wanted.forEach((element, index) => {
    const there = parent.children[index] ?? null;
    if (there === element) return;
    // What goes further down goes alone: to a screen reader, whatever else were moved would be new.
    if (there?.nextElementSibling === element) move(parent, there, null);
    else move(parent, element, there);
  });
}

/**
 * Where the browser can, without taking it out of the page: the focus stays on what is moved.
 * @param {Element} parent
 * @param {Element} element
 * @param {Element | null} before
 */
function move(parent, element, before) {
  if ("moveBefore" in parent && parent.isConnected && element.parentNode === parent) {
    return parent.moveBefore(element, before);
  }
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  parent.insertBefore(element, before);
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
}

/**
 * One item that cannot be drawn must not hide the next one.
 * @template T
 * @param {T} item
 * @param {HTMLLIElement} element
 * @param {(item: T, element: HTMLLIElement) => void} draw
 */
function drawSafely(item, element, draw) {
  try {
    draw(item, element);
  } catch (error) {
    console.error(error);
    element.className = "broken";
    element.replaceChildren(words.cannotBeShown);
  }
}

/** @type {Set<{act: () => void, before: () => void}>} */
const due = new Set();
let frame = 0;
let timer = 0;

/**
 * Has `act` done once before the next paint, however often it was asked for. All `before` are done before the first
 * `act`: what they ask of the layout costs nothing then.
 * @param {() => void} act
 * @param {() => void} [before]
 * @returns {() => void} asks for it
 */
export function onceAFrame(act, before = () => {}) {
  const job = { act, before };
  return () => {
    due.add(job);
    if (due.size > 1) return;
    frame = requestAnimationFrame(doWhatIsDue);
    timer = setTimeout(doWhatIsDue, HIDDEN_MILLISECONDS);
  };
}

function doWhatIsDue() {
  cancelAnimationFrame(frame);
  clearTimeout(timer);
  const jobs = [...due];
  due.clear();
  for (const step of [...jobs.map(({ before }) => before), ...jobs.map(({ act }) => act)]) {
    try {
      step();
    } catch (error) {
      console.error(error); // the next one is drawn all the same
    }
  }
}

/**
 * Has `act` done after the next layout and before it is painted, however often it was asked for: what it asks
 * of the layout costs nothing then.
 * @param {Element} element that has a size
 * @param {() => void} act
 * @returns {() => void} asks for it
 */
export function afterLayout(element, act) {
  const observer = new ResizeObserver(() => {
    observer.unobserve(element);
    act();
  });
  return () => observer.observe(element); // it is told the size that the element has at first
}

/**
 * Of a list whose items stand one below the other, so that a few looks find any of them: those that are at least
 * partly below `top` and above `bottom`, with where each begins.
 * @param {HTMLCollection} items
 * @param {number} top
 * @param {number} bottom
 */
export function inSight(items, top, bottom) {
  const found = [];
  for (let n = firstWhere(items, (box) => box.bottom > top); n < items.length; n += 1) {
    const { top: at } = items[n].getBoundingClientRect();
    if (at >= bottom) break;
    found.push({ item: items[n], at });
  }
  return found;
}

/**
 * The index of the last item that one has seen when one sees down to `bottom`: half of it, or of what
 * there is room for. -1 for none.
 * @param {HTMLCollection} items
 * @param {number} bottom
 * @param {number} room
 */
export function lastInSight(items, bottom, room) {
  return firstWhere(items, (box) => box.top + Math.min(box.height, room) / 2 > bottom) - 1;
}

/**
 * @param {HTMLCollection} items
 * @param {(box: DOMRect) => boolean} holds true from some item on
 * @returns {number} their number, where it holds for none
 */
function firstWhere(items, holds) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(items[middle].getBoundingClientRect())) high = middle;
    else low = middle + 1;
  }
  return low;
}
