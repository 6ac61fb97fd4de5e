import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { mayReload, noteReload } from "../../static/lib/reloads.js";

const MINUTES = 60_000;

/** @type {Map<string, string>} */
let kept;
let isFull = false;

beforeEach(() => {
  kept = new Map();
  isFull = false;
  globalThis.sessionStorage = /** @type {any} */ ({
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => {
      if (isFull) throw new Error("full");
      kept.set(key, value);
    },
  });
});

test("a tab reloads once for each version, however long ago that was", () => {
  assert.ok(mayReload("a", 0));
  assert.ok(noteReload("a", 0));
  assert.ok(!mayReload("a", 1e12));
  assert.ok(mayReload("b", 1e12));
});

test("a tab reloads at most once in ten minutes, whatever the versions", () => {
  noteReload("a", 0);
  assert.ok(!mayReload("b", 10 * MINUTES - 1));
  assert.ok(mayReload("b", 10 * MINUTES));
  noteReload("b", 10 * MINUTES);
  assert.ok(!mayReload("c", 11 * MINUTES));
  assert.ok(!mayReload("a", 30 * MINUTES));
});

test("a clock that is set back by an hour does not stop reloads for an hour", () => {
  noteReload("a", 60 * MINUTES);
  assert.ok(!mayReload("b", 59 * MINUTES));
  assert.ok(mayReload("b", 0));
});

test("without storage, a tab notes nothing, and must not reload", () => {
  isFull = true;
  assert.ok(!noteReload("a", 0));
  kept.set("messenger.reloads", "{broken");
  assert.ok(mayReload("a", 0));
});
