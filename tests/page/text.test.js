import assert from "node:assert/strict";
import { test } from "node:test";

import { isEmojiOnly, piecesOf } from "../../static/lib/text.js";

const links = (text) => piecesOf(text).filter(({ kind }) => kind === "link");
const linked = (text) => links(text).map((piece) => piece.text);
const kinds = (text) => piecesOf(text).map(({ kind, text }) => [kind, text]);

test("the pieces joined are the text, whatever it is", () => {
  const texts = ["", "plain", "a `b` http://c/ d", "```\nx\n```\ny", "`", "``", "```", "````````", "http://", "\ud800 http://a/\ud800"];
  for (const text of texts) assert.equal(piecesOf(text).map((piece) => piece.text).join(""), text);
});

test("http and https are linked, and nothing else is", () => {
  assert.deepEqual(linked("see http://a.example/b?c=d#e and HTTPS://B.example"), ["http://a.example/b?c=d#e", "HTTPS://B.example"]);
  for (const text of ["javascript:alert(1)", "data:text/html,x", "ftp://a/", "file:///etc", "xhttp://a/", "http://", "https:/a", "www.a.example", "//a.example"]) {
    assert.deepEqual(linked(text), [], text);
  }
});

test("an address is taken unchanged: nothing in it is decoded", () => {
  assert.deepEqual(links("http://a/%"), [{ kind: "link", text: "http://a/%", href: "http://a/%" }]);
  const encoded = "http://a/%3Cimg%20src=x%20onerror=alert(1)%3E";
  assert.deepEqual(links(encoded), [{ kind: "link", text: encoded, href: encoded }]);
});

test("the punctuation of a sentence is left out, and brackets of the address itself are not", () => {
  assert.deepEqual(linked("Go to http://a/b. Or (http://a/c), http://a/d?! “http://a/e”"), ["http://a/b", "http://a/c", "http://a/d", "http://a/e"]);
  assert.deepEqual(linked("http://a/b_(c) (http://a/b_(c)). http://a/[1]]"), ["http://a/b_(c)", "http://a/b_(c)", "http://a/[1]"]);
  assert.deepEqual(linked("看http://a/b。好「http://a/c」"), ["http://a/b", "http://a/c"]);
  assert.deepEqual(linked("http://a/<b>"), ["http://a/"]);
});

test("an address that could be mistaken for another one is no link", () => {
  assert.deepEqual(linked("https://bank.example@evil.example/"), []);
  assert.deepEqual(linked("http://a:b@c/"), []);
  assert.deepEqual(linked("http://a.example/\u202egnp.exe"), ["http://a.example/"]);
  assert.equal(links("https://аpple.example/")[0].href, "https://xn--pple-43d.example/");
});

test("a tail as long as a message is parsed quickly", () => {
  const text = `http://a/${")".repeat(4000)}${"(".repeat(4000)}${")].".repeat(4000)}`;
  const begun = performance.now();
  assert.equal(linked(text).length, 1);
  piecesOf("`".repeat(40_000));
  piecesOf("```\n".repeat(10_001));
  piecesOf("http://".repeat(6000));
  assert.ok(performance.now() - begun < 500);
});

test("code is between backticks, within a line or in separate lines, and nothing in it is linked", () => {
  assert.deepEqual(kinds("run `make test` now"), [["plain", "run "], ["code", "`make test`"], ["plain", " now"]]);
  assert.deepEqual(kinds("a ```b```."), [["plain", "a "], ["code", "```b```"], ["plain", "."]]);
  assert.deepEqual(kinds("so:\n```js\nlet a = `b`;\n\n  http://c/\n```\nyes"), [
    ["plain", "so:\n"],
    ["block", "```js\nlet a = `b`;\n\n  http://c/\n```\n"],
    ["plain", "yes"],
  ]);
  for (const text of ["a ` b", "a\n`\nb\n`", "``", "```", "```\nnever closed"]) {
    assert.deepEqual(kinds(text), [["plain", text]]);
  }
});

test("a few emoji alone are distinguished from a text", () => {
  for (const text of ["👍", "❤️", "👨‍👩‍👧‍👦 🇫🇷\n1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🎉🎉🎉🎉🎉🎉", "👋🏽", "☝🏽", "❤️‍🔥", "👩‍⚕️", "🏴‍☠️"]) assert.ok(isEmojiOnly(text), text);
  for (const text of ["", " ", "1", "#", "a👍", "👍!", "🎉🎉🎉🎉🎉🎉🎉", "\u200d", "\ufe0f", "©", "\ud83d"]) assert.ok(!isEmojiOnly(text), text);
});

test("a host of plain letters ends where another script begins", () => {
  assert.deepEqual(linked("公式サイトはhttps://example.comです"), ["https://example.com"]);
  assert.deepEqual(linked("https://example.com:8080です https://192.168.0.1にて https://localhostです"), [
    "https://example.com:8080",
    "https://192.168.0.1",
    "https://localhost",
  ]);
  assert.deepEqual(linked("www.example.orgです 連絡はjane@example.orgまで https://example.com😀"), [
    "www.example.org",
    "jane@example.org",
    "https://example.com",
  ]);
  for (const text of ["https://例え.jp/パス", "https://www.bücher.de/x", "https://abc日本.jp/", "https://example.한국/"]) {
    assert.deepEqual(linked(text), [text]);
  }
});

test("www. names link to https, and e-mail addresses to mailto", () => {
  assert.deepEqual(links("(www.example.org/a_(b)).")[0], { kind: "link", text: "www.example.org/a_(b)", href: "https://www.example.org/a_(b)" });
  assert.deepEqual(links("to 'jane.doe+x@example.org'!")[0], { kind: "link", text: "jane.doe+x@example.org", href: "mailto:jane.doe+x@example.org" });
  for (const text of ["www", "www.", "www.example", "awww.example.org", "@jane", "jane@", "jane@localhost", "a@b", "example.org"]) {
    assert.deepEqual(linked(text), [], text);
  }
});

test("an address that hides its host is no link at all", () => {
  for (const text of ["https://bank.example@evil.example:99999", `https://${"a".repeat(60)}@evil.example/`, "https://bank.example:x@evil.example/", "www.example.org@evil.example", "ftp://jane@example.org/"]) {
    assert.deepEqual(linked(text), [], text);
  }
  assert.equal(links("a?bcc=evil@example.org")[0].href, "mailto:a%3Fbcc%3Devil@example.org");
  assert.deepEqual(linked("https://example.com\u202e/moc.live"), ["https://example.com"]);
});

test("as many addresses as a message can hold are parsed quickly", () => {
  const texts = ["a@b.c,", "a@", "a'", "www.", "https://a.", "@", "x@a.", "http://a/'\"", "あ@", "http://a/(["].map((text) => text.repeat(4000 / text.length));
  const begun = performance.now();
  for (const text of texts) piecesOf(text);
  assert.ok(performance.now() - begun < 500);
});
