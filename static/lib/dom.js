/** Building elements: text is only ever text. */

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
 * The one element that `selector` finds below `root`.
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} kind
 * @returns {T}
 */
export function find(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`nothing at ${selector}`);
  return found;
}

/**
 * Makes the children of `parent` those of `items`, in their order; an element whose key is still
 * there is kept and drawn anew, so that focus and scrolling survive.
 * @template T
 * @param {Element} parent
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T, known: HTMLElement | null) => HTMLElement} draw
 */
export function reconcile(parent, items, key, draw) {
  const known = new Map([...parent.children].map((child) => [child.getAttribute("data-key"), child]));
  /** @type {Element | null} */
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const before = known.get(name);
    known.delete(name);
    const element = drawn(item, before instanceof HTMLElement ? before : null, draw);
    element.setAttribute("data-key", name);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
    if (before && before !== element) before.remove();
  }
  for (const left of known.values()) left.remove();
}

/**
 * One item that cannot be drawn must not hide the next one.
 * @template T
 * @param {T} item
 * @param {HTMLElement | null} known
 * @param {(item: T, known: HTMLElement | null) => HTMLElement} draw
 */
function drawn(item, known, draw) {
  try {
    return draw(item, known);
  } catch (error) {
    console.error(error);
    return known ?? el("div", { class: "broken" }, "This cannot be shown.");
  }
}
