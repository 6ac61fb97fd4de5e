/** needs.js checks the features that the modules use: one that it does not name would fail silently. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

const STATIC = new URL("../../static/", import.meta.url);
const read = (/** @type {string} */ name) => readFileSync(new URL(name, STATIC), "utf8");
const NEEDS = read("needs.js");
const modules = readdirSync(STATIC, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".js") && !["needs.js", "sw.js"].includes(name))
  .map(read)
  .join("\n")
  .replaceAll(/\/\*.*?\*\//gs, "");

const STATICS = "Promise Object Map Array URL AbortSignal Intl CSS String Iterator Set Uint8Array crypto".split(" ");
const SINCE_2015 = new Set([
  "Object.entries", "Object.keys", "Object.values", "Object.assign", "Object.is", "Promise.all", "Promise.race",
  "Promise.resolve", "Promise.reject", "Array.from", "Array.isArray", "Intl.DateTimeFormat", "String.raw", "String.fromCodePoint",
  "Uint8Array.from",
]);
const GUARDED = new Set(["crypto.randomUUID", "crypto.subtle"]); // the modules check these themselves
const METHODS = [
  ...Object.getOwnPropertyNames(Array.prototype).map((name) => `Array.prototype.${name}`),
  ...Object.getOwnPropertyNames(String.prototype).map((name) => `String.prototype.${name}`),
].filter((path) => /\.(at|findLast|findLastIndex|toReversed|toSorted|toSpliced|with|matchAll|replaceAll|isWellFormed|toWellFormed)$/.test(path));

test("each newer static function that the modules use is checked", () => {
  const used = modules.matchAll(new RegExp(`\\b(${STATICS.join("|")})\\.([a-zA-Z]+)\\b`, "g"));
  const names = new Set([...used].map(([name]) => name).filter((name) => !SINCE_2015.has(name) && !GUARDED.has(name)));
  assert.ok(names.size > 5);
  assert.deepEqual([...names].filter((name) => !NEEDS.includes(`"${name}"`) && !NEEDS.includes(`${name}(`)), []);
});

test("each newer array and string method that the modules use is checked", () => {
  const used = METHODS.filter((path) => modules.includes(`.${path.split(".").at(-1)}(`));
  assert.ok(used.length > 5);
  assert.deepEqual(used.filter((path) => !NEEDS.includes(`"${path}"`)), []);
});

test("browsers of 2010 can parse needs.js itself", () => {
  assert.doesNotMatch(NEEDS.replaceAll(/\/\*.*?\*\/|\/\/.*$|"[^"\n]*"/gms, ""), /=>|`|\b(?:const|let|class|import)\b|\?\.|\?\?|catch \{/);
});
