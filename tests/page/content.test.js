import assert from "node:assert/strict";
import { test } from "node:test";

import { codePoints, contentOf } from "../../static/lib/content.js";

test("a text is normalised as on the server, and its middle is kept", () => {
  assert.equal(contentOf("\n \r\n  a \t b\n\n"), "  a \t b");
  assert.equal(contentOf("\u0085\n\u001c\u3000a\u001f\u2028"), "\u001c\u3000a");
  assert.equal(contentOf("\r\r\n\ta\r"), "\ta");
  assert.equal(contentOf("\r a"), "\r a");
  assert.equal(contentOf("\ufeffa\ufeff"), "\ufeffa\ufeff");
  assert.equal(contentOf("a\r\nb\rc"), "a\nb\rc");
  for (const text of ["", " ", "\n\t\u00a0\u001d", "\u200b", " \u2800\u3164", "\uffa0\u{e0041}\ufe0f\u200d"]) assert.equal(contentOf(text), "");
});

test("characters that no server accepts are replaced, so that the message is sent", () => {
  assert.equal(contentOf("a\0b\ud83d"), "a\ufffdb\ufffd");
});

test("the length is counted in code points", () => {
  assert.equal(codePoints("a😀"), 2);
  assert.equal(codePoints("👨‍👩‍👧"), 5);
});
