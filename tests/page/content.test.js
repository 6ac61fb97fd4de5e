import assert from "node:assert/strict";
import { test } from "node:test";

import { codePoints, contentOf } from "../../static/lib/content.js";

test("what is written is normalised as the server does it, and kept inside", () => {
  assert.equal(contentOf("\n \r\n  a \t b\n\n"), "  a \t b");
  assert.equal(contentOf("\u0085\n\u001c\u3000a\u001f\u2028"), "\u001c\u3000a");
  assert.equal(contentOf("\r\r\n\ta\r"), "\ta");
  assert.equal(contentOf("\r a"), "\r a");
  assert.equal(contentOf("\ufeffa\ufeff"), "\ufeffa\ufeff");
  assert.equal(contentOf("a\r\nb\rc"), "a\nb\rc");
  for (const text of ["", " ", "\n\t\u00a0\u001d", "\u200b", " \u2800\u3164", "\uffa0\u{e0041}\ufe0f\u200d"]) assert.equal(contentOf(text), "");
});

test("what no server takes is replaced, so that the message is sent all the same", () => {
  assert.equal(contentOf("a\0b\ud83d"), "a\ufffdb\ufffd");
});

test("length is counted in code points", () => {
  assert.equal(codePoints("a😀"), 2);
  assert.equal(codePoints("👨‍👩‍👧"), 5);
});
