import assert from "node:assert/strict";
import { test } from "node:test";

import { deviceName } from "../../static/lib/device.js";
import { failure, wanted } from "../../static/lib/sign-in-failure.js";

const at = (/** @type {string} */ path) => new URL(path, "http://localhost:8000");

test("a device is named after its browser and its system", () => {
  const known = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox on Linux",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36":
      "Chrome on Windows",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 Edg/139.0":
      "Edge on Windows",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15":
      "Safari on macOS",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1":
      "Safari on iPhone",
    "Mozilla/5.0 (Linux; Android 15; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36":
      "Samsung Internet on Android",
    "curl/8.5.0": "curl/8.5.0",
    "": "Unknown device",
    "  ": "Unknown device",
  };
  for (const [userAgent, name] of Object.entries(known)) assert.equal(deviceName(userAgent), name);
  assert.equal(deviceName("x".repeat(400)).length, 60);
});

test("a sentence explains a failed sign-in, whatever its code", () => {
  for (const code of ["denied", "expired", "refused", "unreachable", "unusable", "constructor", "<b>", ""]) {
    assert.match(failure(at(`/access?error=${code}`)) ?? "", /^[A-Z][^<>]*\.$/);
  }
  assert.notEqual(failure(at("/access?error=denied")), failure(at("/access?error=expired")));
  for (const path of ["/access", "/", "/conversations/1?error=denied"]) assert.equal(failure(at(path)), null);
});

test("a failure keeps the requested page, and no foreign one", () => {
  assert.equal(wanted(at("/conversations/7")), "/conversations/7");
  assert.equal(wanted(at("/access?error=denied&return_to=%2Fconversations%2F7")), "/conversations/7");
  const hostile = ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "javascript:alert(1)", ""];
  for (const path of hostile) {
    assert.equal(wanted(at(`/access?error=denied&return_to=${encodeURIComponent(path)}`)), "/");
  }
});

test("the return path leads into the page, and nowhere else", () => {
  for (const path of ["/", "/conversations/5", "/conversations/5/messages/7?x=/../api#y", "/a.b/c"]) {
    assert.equal(wanted(at(`/access?error=denied&return_to=${encodeURIComponent(path)}`)), path);
  }
  const elsewhere = ["/./api/logout", "/%2e/api/logout", "/x/../api/", "/x/%2E%2e/api/x", "/api", "/api/logout", "/%61pi/logout", "/API/x", "//evil", "/\\evil", "/%5cevil/..", "/%ff", "/metrics", "evil", "/.", "/..%2f"];
  for (const path of elsewhere) assert.equal(wanted(at(`/access?error=denied&return_to=${encodeURIComponent(path)}`)), "/", path);
});
