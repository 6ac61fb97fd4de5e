/** Keeps the focus in the page: when the focused element is removed, the nearest remaining one gets it. */

const FOCUSABLE = "a[href], button:enabled, input:enabled, textarea:enabled, [tabindex]";

/**
 * Keeps the focus within `root` until `signal` aborts. Components may move it to a better place first: this runs after
 * the script that changed the page.
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export function keepFocus(root, signal) {
  /** The element with the focus, and then its ancestors. */
  let path = pathTo(document.activeElement, root);
  const restore = () => {
    const { activeElement } = document;
    if (activeElement !== document.body && activeElement !== path[0]) return;
    nearest(path.slice(1))?.focus({ preventScroll: true });
  };
  const observer = new MutationObserver((records) => {
    if (path.length > 0 && isLost(path[0], records)) restore();
  });
  observer.observe(root, { subtree: true, childList: true, attributeFilter: ["hidden", "disabled"] });
  signal.addEventListener("abort", () => observer.disconnect());
  root.addEventListener("focusin", ({ target }) => (path = pathTo(target, root)), { signal });
  // The user has pressed on a place that takes no focus, so the focus is not lost.
  const leave = () => document.activeElement === document.body && canHaveFocus(path[0]) && (path = []);
  root.addEventListener("focusout", ({ relatedTarget }) => relatedTarget ?? queueMicrotask(leave), { signal });
  // A resize may hide a whole pane.
  addEventListener("resize", () => path.length > 0 && !canHaveFocus(path[0]) && restore(), { signal });
}

/**
 * @param {EventTarget | null} target
 * @param {Element} root
 */
function pathTo(target, root) {
  /** @type {Element[]} */
  const path = [];
  for (let at = target instanceof Element ? target : null; at && root.contains(at); at = at.parentElement) path.push(at);
  return path;
}

/**
 * Reads no layout, because this runs at each change of the page.
 * @param {Element} element
 * @param {MutationRecord[]} records
 */
function isLost(element, records) {
  if (!element.isConnected) return true;
  return records.some(({ type, target }) => {
    if (type !== "attributes" || !target.contains(element)) return false;
    return target instanceof HTMLElement && (target.hidden || target.matches(":disabled"));
  });
}

/** @param {Element | undefined} element */
const canHaveFocus = (element) =>
  element?.isConnected === true && !element.matches(":disabled") && element.checkVisibility();

/** @param {Element[]} places from the innermost one */
function nearest(places) {
  for (const place of places.filter((place) => place.isConnected)) {
    const found = [place.querySelector("h1[tabindex]"), place, ...place.querySelectorAll(FOCUSABLE)];
    const next = found.find((element) => element?.matches(FOCUSABLE) && canHaveFocus(element));
    if (next instanceof HTMLElement) return next;
  }
  return null;
}
