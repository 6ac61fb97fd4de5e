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
    if (there !== element) parent.insertBefore(element, there);
  });
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
    element.replaceChildren("This cannot be shown.");
  }
}
