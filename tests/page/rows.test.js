import assert from "node:assert/strict";
import { test } from "node:test";

import { countAfter, firstUnread, linesOf, unreadAfter } from "../../static/components/rows.js";
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

const lines = (state, view = {}) => linesOf(state, "1", view, NOW);
const seenBy = (otherLastReadMessageId) => [{ position: "e-1", conversation: { id: "1", otherLastReadMessageId } }];

test("a conversation that has not loaded has no lines", () => {
  assert.deepEqual(lines(EMPTY), []);
});

test("each day begins with its name", () => {
  const drawn = lines(stateOf([message(1, "2026-01-02T09:00:00"), message(2, "2026-01-03T09:00:00")]));
  assert.deepEqual(drawn.map((line) => line.day ?? line.key), ["Yesterday", "1", "Today", "2"]);
});

test("messages of one user within minutes form a group", () => {
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

test("only the last own message that the other user has read is marked as seen", () => {
  const at = "2026-01-03T09:00:00";
  const messages = [mine(9, at), mine(10, at), message(11, at), mine(12, at)];
  const seen = (upTo) => lines(stateOf(messages, { entries: seenBy(upTo) })).filter((l) => l.seen).map((l) => l.key);
  assert.deepEqual([seen(null), seen("9"), seen("11"), seen("12")], [[], ["9"], ["10"], ["12"]]);
});

test("a message keeps the key that it had before it was sent", () => {
  const draft = { conversationId: "1", clientId: "c", content: "hello", createdAt: "", failure: null };
  const other = { ...draft, conversationId: "2", clientId: "d" };
  const before = lines(stateOf([], { drafts: [draft, other] }));
  const after = lines(stateOf([mine(4, "2026-01-03T09:00:00", { clientId: "c" })]));
  assert.deepEqual([before.map((l) => l.key), after.at(-1).key], [["c"], "c"]);
});

test("keys are unique even if the clock went back over midnight", () => {
  const drawn = lines(stateOf([message(1, "2026-01-03T00:01:00"), message(2, "2026-01-02T23:59:00"), message(3, "2026-01-03T00:02:00")]));
  assert.equal(new Set(drawn.map((line) => line.key)).size, drawn.length);
});

test("an invalid time does not keep the next message from being drawn", () => {
  const broken = { ...message(1, NOW), createdAt: "yesterday, perhaps" };
  const drawn = lines(stateOf([broken, message(2, NOW)]));
  assert.deepEqual(drawn.filter((line) => line.kind === "message").map((line) => line.key), ["1", "2"]);
});

test("a range is drawn as if it were all, and unsent messages follow only the newest", () => {
  const at = "2026-01-03T09:00:00";
  const draft = { conversationId: "1", clientId: "c", content: "hello", createdAt: "", failure: null };
  const state = stateOf([1, 2, 3, 4].map((id) => message(id, at)), { drafts: [draft] });
  const keys = (view) => lines(state, view).map(({ key }) => key);
  assert.deepEqual(keys({ from: 1, to: 3 }), ["day 2", "2", "3"]);
  assert.deepEqual(keys({ from: 2 }), ["day 3", "3", "4", "c"]);
});

test("a line marks the first unread message, and begins a group", () => {
  const at = "2026-01-03T09:00:00";
  const state = stateOf([message(9, at), message(10, at), message(11, at)]);
  const drawn = lines(state, { unreadAfter: "9" });
  assert.deepEqual(drawn.map(({ key }) => key), ["day 9", "9", "unread", "10", "11"]);
  assert.deepEqual(drawn.filter(({ kind }) => kind === "message").map(({ first }) => first), [true, true, false]);
  assert.ok(lines(state, { unreadAfter: null }).every(({ kind }) => kind !== "unread"));
  assert.ok(lines(state, { unreadAfter: "11" }).every(({ kind }) => kind !== "unread"));
});

test("own messages are never the first unread one", () => {
  const at = "2026-01-03T09:00:00";
  const messages = [message(1, at), mine(2, at), message(3, at)];
  assert.equal(firstUnread(messages, true, "1").id, "3");
  assert.equal(firstUnread(messages, true, "0").id, "1");
  assert.equal(firstUnread(messages, true, "3"), undefined);
});

test("the first unread message is unknown until the last read message has loaded", () => {
  const at = "2026-01-03T09:00:00";
  const messages = [message(8, at), message(9, at)];
  assert.equal(firstUnread(messages, false, "5"), undefined);
  assert.equal(firstUnread(messages, true, "5").id, "8");
  assert.equal(firstUnread(messages, false, "8").id, "9");
});

test("the unread line stays during a visit, and moves when more messages arrive unseen", () => {
  const read = { hasUnreadMessages: false, lastReadMessageId: "9" };
  const unread = { hasUnreadMessages: true, lastReadMessageId: "9" };
  assert.equal(unreadAfter(undefined, read, true), null);
  assert.equal(unreadAfter(undefined, unread, true), "9");
  assert.equal(unreadAfter(undefined, { ...unread, lastReadMessageId: null }, true), "0");
  assert.equal(unreadAfter("5", read, true), "5");
  assert.equal(unreadAfter("5", unread, true), "5");
  assert.equal(unreadAfter(null, unread, true), null);
  assert.equal(unreadAfter("5", unread, false), "9");
  assert.equal(unreadAfter(null, unread, false), "9");
  assert.equal(unreadAfter("5", read, false), "5");
});

test("only the other user's messages after a message count", () => {
  const at = "2026-01-03T09:00:00";
  const messages = [message(1, at), mine(2, at), message(3, at), message(4, at)];
  assert.deepEqual(["0", "1", "3", "4"].map((id) => countAfter(messages, id)), [3, 2, 1, 0]);
});

const notice = (id, at, kind) => message(id, at, { notice: { kind, users: [], count: 0, name: "x", history: "all", memberCount: 2 } });
const kinds = (drawn) => drawn.map((line) => line.notices?.map(({ id }) => id) ?? line.key);

test("notices that follow each other are one line, on each day and between messages", () => {
  const at = "2026-01-03T09:00:00";
  const messages = [notice(1, "2026-01-02T09:00:00", "created"), notice(2, at, "added"), notice(3, at, "left"), message(4, at), notice(5, at, "left")];
  const drawn = lines(stateOf(messages));
  assert.deepEqual(kinds(drawn), ["day 1", ["1"], "day 2", ["2", "3"], "4", ["5"]]);
  assert.equal(new Set(drawn.map(({ key }) => key)).size, drawn.length);
});

test("a notice ends a run of messages, also of its own author", () => {
  const at = "2026-01-03T09:00:00";
  const drawn = lines(stateOf([message(1, at), notice(2, at, "renamed"), message(3, at)])).filter(({ kind }) => kind === "message");
  assert.deepEqual(drawn.map(({ first, last }) => [first, last]), [[true, true], [true, true]]);
});

test("neither notices nor deleted messages are the first unread one, and none of them counts", () => {
  const at = "2026-01-03T09:00:00";
  const messages = [message(1, at), notice(2, at, "left"), message(3, at, { deletedAt: at }), message(4, at)];
  assert.equal(firstUnread(messages, true, "1")?.id, "4");
  assert.equal(countAfter(messages, "1"), 1);
});

test("a reply has the message that it answers, if that is loaded", () => {
  const at = "2026-01-03T09:00:00";
  const drawn = lines(stateOf([message(2, at), message(3, at, { replyToId: "2" }), message(4, at, { replyToId: "1" })]));
  assert.deepEqual(drawn.slice(1).map(({ repliedTo }) => repliedTo?.id), [undefined, "2", undefined]);
});
