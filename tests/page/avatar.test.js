import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { hashOf, lettersOf } from "../../static/components/avatar.js";

const TOKENS = readFileSync(new URL("../../static/styles/tokens.css", import.meta.url), "utf8");
const COLOURS = [...TOKENS.matchAll(/--avatar-(\d+): (#\w{6});/g)].map(([, , colour]) => colour);
const COUNT = 16;

/** Relative luminance, as WCAG defines it. @param {string} colour */
function luminance(colour) {
  const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
  const [red, green, blue] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test("sixteen colours, the same in both themes, have enough contrast with white letters", () => {
  assert.equal(new Set(COLOURS).size, COUNT);
  assert.match(TOKENS, /--on-avatar: #ffffff;/);
  for (const colour of COLOURS) assert.ok(1.05 / (luminance(colour) + 0.05) >= 4.5, colour);
});

test("a name has two initials, of two parts if it has them", () => {
  const letters = { john: "JO", jane: "JA", "max-of-the-sea": "MO", x: "X", "7": "7", "a-b": "AB", JIM: "JI", émile: "ÉM", "𝒶b": "𝒶B" };
  for (const [name, two] of Object.entries(letters)) assert.equal(lettersOf(name), two);
  assert.equal(lettersOf(""), "");
});

test("similar names differ in colour, and all colours are used", () => {
  const colour = (/** @type {string} */ name) => hashOf(name) % COUNT;
  assert.notEqual(colour("john"), colour("jane"));
  const many = new Set(Array.from({ length: 200 }, (_, n) => colour(`user-${n}`)));
  assert.equal(many.size, COUNT);
});
