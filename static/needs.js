/**
 * Checks that the browser has what the page needs, and shows what is missing. A classic script in the head, in the
 * syntax of 2010, so that old browsers can run it. README.md lists the oldest browser versions that have everything.
 */
(function () {
  "use strict";

  // Features that browsers have since 2020 or later, and that the modules use without a check.
  var NEEDED = [
    "customElements.define", "Element.prototype.replaceChildren", "ResizeObserver", "CSS.escape", "queueMicrotask",
    "Promise.allSettled", "Promise.withResolvers", "AbortSignal.abort", "AbortSignal.timeout", "AbortSignal.any", "BroadcastChannel",
    "Object.fromEntries", "Object.hasOwn", "Map.groupBy", "URL.canParse", "Intl.Locale", "Intl.Segmenter", "crypto.getRandomValues",
    "Array.prototype.at", "Array.prototype.findLast", "Array.prototype.findLastIndex", "Array.prototype.toReversed", "Array.prototype.toSorted",
    "Array.prototype.toSpliced", "Array.prototype.with", "String.prototype.at", "String.prototype.matchAll",
    "String.prototype.replaceAll", "String.prototype.toWellFormed",
  ];

  /** @param {string} path */
  function isThere(path) {
    /** @type {any} */
    var found = window;
    path.split(".").forEach(function (name) {
      found = found === undefined || found === null ? undefined : found[name];
    });
    return typeof found === "function";
  }

  /** @param {string} pattern */
  function isRead(pattern) {
    try {
      return Boolean(new RegExp(pattern, "u"));
    } catch (error) {
      return false;
    }
  }

  var missing = NEEDED.filter(function (path) {
    return !isThere(path);
  });
  if (!("noModule" in document.createElement("script"))) missing.push("<script type=module>");
  if (!isRead("(?<!a)\\p{Default_Ignorable_Code_Point}")) missing.push("RegExp lookbehind");
  if (!window.CSS || !CSS.supports("color", "light-dark(red, red)")) missing.push("light-dark()");

  /** Runs when the page's elements are there, before its modules run. */
  function tell() {
    var app = document.querySelector("messenger-app");
    var told = document.getElementById("too-old");
    if (!app || !told) return;
    document.body.removeChild(app);
    told.setAttribute("role", "main");
    told.hidden = false;
    /** @type {Element} */ (told.querySelector("code")).textContent = missing.join(", ");
  }

  if (missing.length > 0) document.addEventListener("readystatechange", tell);
})();
