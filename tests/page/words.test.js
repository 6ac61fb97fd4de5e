/** The page's texts are in words.js; files that cannot import a module repeat them word for word. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { words as actWords } from "../../static/act-words.js";
import { words } from "../../static/words.js";

/** @returns {string[]} */
const texts = (/** @type {unknown} */ value) =>
  typeof value === "string" ? [value] : Object.values(Object(value)).flatMap(texts);
const KNOWN = new Set(texts(words));
const read = (/** @type {string} */ name) => readFileSync(new URL(`../../static/${name}`, import.meta.url), "utf8");

test("each text of index.html is in words.js", () => {
  const page = read("index.html").replaceAll(/<!--.*?-->/gs, "");
  const shown = [...page.matchAll(/>([^<]+)</g)].map(([, text]) => text.trim()).filter(Boolean);
  const spoken = [...page.matchAll(/\s(?:aria-label|title|placeholder|alt)="([^"]+)"/g)].map(([, text]) => text);
  const [, description] = /** @type {string[]} */ (page.match(/name="description" content="([^"]+)"/));
  assert.ok(shown.length > 1);
  assert.deepEqual([...shown, ...spoken, description].filter((text) => !KNOWN.has(text)), []);
});

test("the manifest has the name and the tagline of words.js", () => {
  const { name, short_name, description } = JSON.parse(read("manifest.webmanifest"));
  assert.deepEqual([name, short_name, description], [words.name, words.name, words.tagline]);
});

test("no text of words.js has straight quotation marks, or needless white space at its end", () => {
  for (const text of [...KNOWN, ...texts(actWords)]) assert.doesNotMatch(text, /"|\s\s|\.\.\./, text);
});

test("counts have a singular and a plural", () => {
  assert.equal(words.account.unsent(1), "You have an unsent message. Sign out anyway?");
  assert.equal(words.account.unsent(2), "You have 2 unsent messages. Sign out anyway?");
  assert.equal(words.search.found(1), "1 person found");
  assert.equal(words.search.found(0), "0 people found");
});
