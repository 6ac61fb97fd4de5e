import assert from "node:assert/strict";
import { test } from "node:test";

import { codePoints, contentOf } from "../../static/lib/content.js";

test("what is written is trimmed as the server does it, and kept inside", () => {
  assert.equal(contentOf("\n a \t b\n\n"), "a \t b");
  assert.equal(contentOf("\u001c\u0085\u3000a\u001f\u2028"), "a");
  assert.equal(contentOf("\ufeffa\ufeff"), "\ufeffa\ufeff");
  assert.equal(contentOf("a\r\nb\rc"), "a\nb\rc");
  for (const text of ["", " ", "\n\t\u00a0\u001d"]) assert.equal(contentOf(text), "");
});

test("what no server takes is replaced, so that the message is sent all the same", () => {
  assert.equal(contentOf("a\0b\ud83d"), "a\ufffdb\ufffd");
});

test("length is counted in code points", () => {
  assert.equal(codePoints("a😀"), 2);
  assert.equal(codePoints("👨‍👩‍👧"), 5);
});
