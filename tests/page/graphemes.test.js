import assert from "node:assert/strict";
import test from "node:test";

import { beginning } from "../../static/lib/pieces.js";

test("the beginning of a text ends between two graphemes", () => {
  const family = "👩‍👩‍👧‍👦";
  for (const letter of ["😀", family, "🇩🇪", "e\u0301", "\u0928\u093f", "👍🏽"]) {
    assert.equal(beginning(`${"x".repeat(199)}${letter}${letter}`, 200), `${"x".repeat(199)}${letter}`);
    assert.equal(beginning(letter.repeat(300), 200), letter.repeat(200));
  }
  assert.equal(beginning("short", 200), "short");
  assert.equal(beginning(family.repeat(20), 200), family.repeat(20));
});
