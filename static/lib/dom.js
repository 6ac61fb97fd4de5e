/** Builds elements from text only, draws at most once a frame, and finds visible elements. */

import { words } from "../words.js";

const HIDDEN_MILLISECONDS = 100; // a hidden page has no frames

/**
 * Creates an element with attributes and children. A string child becomes a text node.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | boolean | null>} [attributes] true: an empty attribute; false and null: no attribute
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
 * Runs `act`, unless it is running already. Meanwhile the button is grey. It keeps the focus, which `disabled` would
 * take away.
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
 * Makes the children of `parent` match `items`, in their order. Keeps and redraws the element of a known key, so that
 * focus and scrolling survive.
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
    // Moves only the element that goes down: a screen reader treats moved elements as new.
    if (there?.nextElementSibling === element) move(parent, there, null);
    else move(parent, element, there);
  });
}

/**
 * Moves an element, and keeps its focus if the browser has `moveBefore`.
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
 * Draws an item. An error must not stop the next items.
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
 * Returns a function that schedules `act` once before the next paint. All `before` run before the first `act`, so that
 * they can read the layout without forcing one.
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
      console.error(error); // an error must not stop the others
    }
  }
}

/**
 * Returns a function that schedules `act` once after the next layout and before its paint, so that it can read the
 * layout without forcing one.
 * @param {Element} element that has a size
 * @param {() => void} act
 * @returns {() => void} asks for it
 */
export function afterLayout(element, act) {
  const observer = new ResizeObserver(() => {
    observer.unobserve(element);
    act();
  });
  return () => observer.observe(element); // a new observation always reports the first size
}

/**
 * Returns the items that are at least partly between `top` and `bottom`, with their top edges. The items must be in
 * vertical order, so that a binary search finds them.
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
 * The index of the last item that counts as seen if the view ends at `bottom`: at least half of it, or of `room`, is
 * visible. -1 for none.
 * @param {HTMLCollection} items
 * @param {number} bottom
 * @param {number} room
 */
export function lastInSight(items, bottom, room) {
  return firstWhere(items, (box) => box.top + Math.min(box.height, room) / 2 > bottom) - 1;
}

/**
 * @param {HTMLCollection} items
 * @param {(box: DOMRect) => boolean} holds false for the first items, then true
 * @returns {number} the index, or the number of items if it holds for none
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
