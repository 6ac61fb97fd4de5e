import assert from "node:assert/strict";
import { test } from "node:test";

import { backoff } from "../../static/lib/backoff.js";
import { clockTime, dayName, dayNumber, fullTime, shortTime } from "../../static/lib/time.js";
import { uuid } from "../../static/lib/uuid.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("a uuid has version 4, even without crypto.randomUUID", (t) => {
  assert.match(uuid(), UUID);
  const getRandomValues = crypto.getRandomValues.bind(crypto);
  const before = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  Object.defineProperty(globalThis, "crypto", { value: { getRandomValues }, configurable: true });
  t.after(() => Object.defineProperty(globalThis, "crypto", before));
  assert.equal(crypto.randomUUID, undefined);
  assert.match(uuid(), UUID);
  assert.notEqual(uuid(), uuid());
});

test("pauses double up to half a minute, and are random below that", () => {
  const longest = [1, 2, 3, 5, 6, 60].map((failures) => backoff(failures, () => 1));
  assert.deepEqual(longest, [1000, 2000, 4000, 16_000, 30_000, 30_000]);
  assert.equal(backoff(6, () => 0.5), 15_000);
  assert.ok(backoff(60, () => 0) > 0);
});

test("a time is as short as it can be without ambiguity", () => {
  const now = new Date("2026-01-10T12:00:00");
  assert.equal(shortTime("2026-01-10T09:05:00", now), clockTime("2026-01-10T09:05:00"));
  assert.match(shortTime("2026-01-08T09:05:00", now), /Thu/);
  assert.match(shortTime("2025-12-24T09:05:00", now), /2025/);
  assert.match(shortTime("2026-01-02T09:05:00", now), /^(Jan 2|2 Jan)$/);
});

test("days are separated by midnight, not by 24 hours", () => {
  const now = new Date("2026-01-10T00:10:00");
  assert.equal(dayName("2026-01-09T23:50:00", now), "Yesterday");
  assert.equal(dayName("2026-01-10T00:05:00", now), "Today");
  assert.equal(dayName("2026-01-10T00:20:00", now), "Today");
  assert.match(dayName("2026-01-01T00:20:00", now), /January( 1)?$/);
  assert.match(dayName("2025-12-31T00:20:00", now), /2025/);
});

test("an invalid time is an empty text, not an error", () => {
  for (const format of [clockTime, fullTime, shortTime, dayName]) assert.equal(format("no time"), "");
});

test("times of one day have the same number, and other days have others", () => {
  const numbers = ["2026-01-31T23:59:59", "2026-02-01T00:00:00", "2026-02-01T23:59:00"].map(dayNumber);
  assert.notEqual(numbers[0], numbers[1]);
  assert.equal(numbers[1], numbers[2]);
  assert.ok(Number.isNaN(dayNumber("no time")));
});
