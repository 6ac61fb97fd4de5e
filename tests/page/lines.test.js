import assert from "node:assert/strict";
import { test } from "node:test";

import { linesOf } from "../../static/components/lines.js";
import { EMPTY } from "../../static/store.js";

const NOW = new Date("2026-01-03T12:00:00");

const message = (id, at, fields = {}) => ({
  id: `${id}`,
  conversationId: "1",
  userId: "2",
  content: "hello",
  createdAt: new Date(at).toISOString(),
  mine: false,
  clientId: null,
  ...fields,
});

const mine = (id, at, fields = {}) => message(id, at, { userId: "1", mine: true, ...fields });

const stateOf = (messages, fields = {}) => ({
  ...EMPTY,
  threads: { 1: { messages, position: "e-1", older: null } },
  ...fields,
});

const lines = (state) => linesOf(state, "1", NOW);
const seenBy = (otherLastReadMessageId) => [{ position: "e-1", conversation: { id: "1", otherLastReadMessageId } }];

test("a conversation that is not there yet has no lines", () => {
  assert.deepEqual(lines(EMPTY), []);
});

test("each day begins with its name", () => {
  const drawn = lines(stateOf([message(1, "2026-01-02T09:00:00"), message(2, "2026-01-03T09:00:00")]));
  assert.deepEqual(drawn.map((line) => line.day ?? line.key), ["Yesterday", "1", "Today", "2"]);
});

test("what one person writes within minutes is a group", () => {
  const at = "2026-01-03T09:0";
  const drawn = lines(stateOf([message(1, `${at}0:00`), message(2, `${at}1:00`), mine(3, `${at}2:00`), mine(4, `${at}9:00`)]));
  assert.deepEqual(
    drawn.slice(1).map(({ first, last }) => [first, last]),
    [
      [true, false],
      [false, true],
      [true, true],
      [true, true],
    ],
  );
});

test("only the last of one's own messages that the other one has read is marked as seen", () => {
  const at = "2026-01-03T09:00:00";
  const messages = [mine(9, at), mine(10, at), message(11, at), mine(12, at)];
  const seen = (upTo) => lines(stateOf(messages, { entries: seenBy(upTo) })).filter((l) => l.seen).map((l) => l.key);
  assert.deepEqual([seen(null), seen("9"), seen("11"), seen("12")], [[], ["9"], ["10"], ["12"]]);
});

test("a message has the key that it had while it was on its way", () => {
  const draft = { conversationId: "1", clientId: "c", content: "hello", createdAt: "", failure: null };
  const other = { ...draft, conversationId: "2", clientId: "d" };
  const before = lines(stateOf([], { drafts: [draft, other] }));
  const after = lines(stateOf([mine(4, "2026-01-03T09:00:00", { clientId: "c" })]));
  assert.deepEqual([before.map((l) => l.key), after.at(-1).key], [["c"], "c"]);
});

test("keys are never twice the same, though the clock went back over midnight", () => {
  const drawn = lines(stateOf([message(1, "2026-01-03T00:01:00"), message(2, "2026-01-02T23:59:00"), message(3, "2026-01-03T00:02:00")]));
  assert.equal(new Set(drawn.map((line) => line.key)).size, drawn.length);
});

test("a time that is none does not keep the next message from being drawn", () => {
  const broken = { ...message(1, NOW), createdAt: "yesterday, perhaps" };
  const drawn = lines(stateOf([broken, message(2, NOW)]));
  assert.deepEqual(drawn.filter((line) => line.kind === "message").map((line) => line.key), ["1", "2"]);
});
