import assert from "node:assert/strict";
import { test } from "node:test";

import { foldAt } from "../../static/lib/pieces.js";

test("a text of two screens is shown whole, and one line more folds it", () => {
  assert.equal(foldAt("\n".repeat(69), 64), null);
  assert.equal(foldAt("\n".repeat(70), 64), 40);
  assert.equal(foldAt("x".repeat(64 * 70), 64), null);
  assert.equal(foldAt("x".repeat(64 * 70 + 1), 64), 64 * 40);
});

test("long lines count as several lines", () => {
  const text = `${"x".repeat(128)}\n`.repeat(40);
  assert.equal(foldAt(text, 64), 129 * 20 - 1); // all of the twentieth line but its end
});

test("no letter is split", () => {
  const family = "👨‍👩‍👧‍👦";
  const at = foldAt(`x${family.repeat(600)}`, 64);
  assert.equal((at - 1) % family.length, 0);
});
