import assert from "node:assert/strict";
import { test } from "node:test";

import { around, bounds, earlier, fitted, later, MOST, newest, STEP } from "../../static/components/visible-range.js";

const past = (from, to) => Array.from({ length: to - from }, (_, n) => ({ id: `${from + n}` }));
const shown = (messages, stretch) => {
  const { from, to } = bounds(messages, stretch);
  return [messages[from]?.id, messages[to - 1]?.id, to - from];
};

test("a conversation opens with its newest messages, and shows later ones", () => {
  const messages = past(1, 26);
  const opened = newest(messages);
  assert.deepEqual(shown(messages, opened), ["1", "25", 25]);
  assert.deepEqual(shown([...messages, { id: "26" }], opened), ["1", "26", 26]);
});

test("an empty conversation shows the first message that arrives", () => {
  assert.deepEqual(shown(past(1, 2), newest([])), ["1", "1", 1]);
});

test("an older page is not drawn until the user scrolls up to it", () => {
  const opened = newest(past(1000, 1025));
  const messages = past(900, 1025);
  assert.deepEqual(shown(messages, opened), ["1000", "1024", 25]);
  assert.deepEqual(shown(messages, earlier(messages, opened)), [`${1000 - STEP}`, "1024", 25 + STEP]);
});

test("scrolling all the way up and down shows each message, and never draws too many", () => {
  const messages = past(1, 2001);
  let stretch = newest(messages);
  const seen = new Set();
  const look = () => {
    const { from, to } = bounds(messages, stretch);
    assert.ok(to - from <= MOST && to - from >= STEP);
    messages.slice(from, to).forEach(({ id }) => seen.add(id));
    return { from, to };
  };
  while (look().from > 0) stretch = earlier(messages, stretch);
  assert.equal(seen.size, 2000);
  seen.clear();
  while (look().to < 2000) stretch = later(messages, stretch);
  assert.equal(seen.size, 2000);
  assert.equal(stretch.last, null); // so are later messages
});

test("for a user at the end, the oldest messages are removed in steps", () => {
  let messages = past(1, 1 + MOST);
  let stretch = fitted(messages, { first: "1", last: null }, true);
  assert.deepEqual(shown(messages, stretch), ["1", `${MOST}`, MOST]);
  messages = past(1, 2 + MOST);
  stretch = fitted(messages, stretch, true);
  assert.deepEqual(shown(messages, stretch), [`${2 + STEP}`, `${MOST + 1}`, MOST - STEP]);
  messages = past(1, 3 + MOST);
  assert.equal(fitted(messages, stretch, true), stretch);
});

test("a user who reads further up keeps those messages, and the newest wait", () => {
  const messages = past(1, 10 + MOST);
  const stretch = fitted(messages, { first: "1", last: null }, false);
  assert.deepEqual(shown(messages, stretch), ["1", `${MOST}`, MOST]);
  assert.deepEqual(shown(past(1, 50 + MOST), stretch), ["1", `${MOST}`, MOST]);
});

test("a message that is jumped to has others on both sides", () => {
  const messages = past(1, 2001);
  assert.deepEqual(shown(messages, around(messages, "1000")), [`${1000 - STEP}`, `${999 + STEP}`, 2 * STEP]);
  assert.deepEqual(shown(messages, around(messages, "3")), ["1", `${2 + STEP}`, 2 + STEP]);
  assert.equal(around(messages, "1999").last, null);
});

test("a range without remaining messages is replaced by the newest", () => {
  const stretch = { first: "10", last: "20" };
  assert.deepEqual(shown(past(500, 525), fitted(past(500, 525), stretch, false)), ["500", "524", 25]);
});
