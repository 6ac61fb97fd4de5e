import assert from "node:assert/strict";
import { test } from "node:test";

import { reflects } from "../../static/lib/ids.js";
import { apply, EMPTY } from "../../static/store.js";

const jane = { id: "2", username: "jane", avatarURL: null };
const jack = { id: "3", username: "jack", avatarURL: null };

const message = (id, fields = {}) => ({
  id: `${id}`,
  conversationId: "1",
  userId: "2",
  content: `number ${id}`,
  createdAt: `2026-01-01T00:00:${`${id}`.padStart(2, "0")}.000Z`,
  mine: false,
  clientId: null,
  ...fields,
});

const mine = (id, clientId, fields = {}) => message(id, { userId: "1", mine: true, clientId, ...fields });

const conversation = (fields = {}) => ({
  id: "1",
  otherParticipant: jane,
  lastMessage: null,
  unreadCount: 0,
  hasUnreadMessages: false,
  lastReadMessageId: null,
  otherLastReadMessageId: null,
  ...fields,
});

const event = (seq, name, data, epoch = "e") => ({ type: "event", id: `${epoch}-${seq}`, name, data });
const list = (seq, body, next = null, older = false) => ({
  type: "conversations",
  snapshot: { position: `e-${seq}`, body, next },
  older,
});
const page = (seq, body, next = null, older = false) => ({
  type: "messages",
  conversationId: "1",
  snapshot: { position: `e-${seq}`, body, next },
  older,
});
const draft = (clientId, content = "hello") => ({
  conversationId: "1",
  clientId,
  content,
  createdAt: "2026-01-01T00:00:00.000Z",
  failure: null,
});

const run = (...actions) => actions.reduce(apply, EMPTY);
const ids = (state) => state.threads["1"].messages.map((m) => m.id);
const listed = (state) => state.entries.map((entry) => entry.conversation);

test("a position reflects the events up to it, and all of another epoch", () => {
  assert.equal(reflects("e-5", "e-5"), true);
  assert.equal(reflects("e-5", "e-6"), false);
  assert.equal(reflects("e-9", "e-10"), false);
  assert.equal(reflects("old-5", "new-9"), true);
});

test("a live message joins the thread, counts as unread and moves its conversation to the top", () => {
  const other = conversation({ id: "7", otherParticipant: jack });
  const state = run(list(1, [other, conversation()]), page(1, []), event(2, "message", message(4)));
  assert.deepEqual(ids(state), ["4"]);
  assert.deepEqual(
    listed(state).map((c) => [c.id, c.unreadCount, c.hasUnreadMessages, c.lastMessage?.id]),
    [
      ["1", 1, true, "4"],
      ["7", 0, false, undefined],
    ],
  );
});

test("a user's own message is never unread", () => {
  const state = run(list(1, [conversation()]), event(2, "message", mine(4, null)));
  assert.equal(listed(state)[0].unreadCount, 0);
  assert.equal(listed(state)[0].hasUnreadMessages, false);
});

test("an event that a snapshot reflects is not applied again", () => {
  const known = conversation({ lastMessage: message(4), unreadCount: 1, hasUnreadMessages: true });
  const state = run(list(2, [known]), page(2, [message(4)]), event(2, "message", message(4)));
  assert.deepEqual(ids(state), ["4"]);
  assert.equal(listed(state)[0].unreadCount, 1);
});

test("an event received before an older snapshot is applied when the snapshot arrives", () => {
  const state = run(event(2, "message", message(4)), list(1, [conversation()]), page(1, []));
  assert.deepEqual(ids(state), ["4"]);
  assert.equal(listed(state)[0].unreadCount, 1);
});

test("each page of the list remembers its own position", () => {
  const other = conversation({ id: "7", otherParticipant: jack, unreadCount: 1, hasUnreadMessages: true });
  const state = run(
    list(1, [conversation()], "/next"),
    list(5, [other], null, true),
    event(5, "message", message(4, { conversationId: "7", userId: "3" })),
    event(6, "message", message(5, { conversationId: "7", userId: "3" })),
  );
  assert.equal(listed(state)[0].id, "7");
  assert.equal(listed(state)[0].unreadCount, 2);
});

test("the count stops at a thousand", () => {
  const many = conversation({ unreadCount: 1000, hasUnreadMessages: true });
  const state = run(list(1, [many]), event(2, "message", message(4)));
  assert.equal(listed(state)[0].unreadCount, 1000);
});

test("the answer replaces an unsent message, and the event does not double it", () => {
  const sending = run(list(1, [conversation()]), page(1, []), { type: "sending", draft: draft("c") });
  assert.deepEqual(sending.drafts.map((d) => d.clientId), ["c"]);
  const answer = { type: "sent", message: mine(4, "c") };
  const told = event(2, "message", mine(4, "c"));
  const one = apply(apply(sending, answer), told);
  const two = apply(apply(sending, told), answer);
  for (const state of [one, two]) {
    assert.deepEqual(ids(state), ["4"]);
    assert.deepEqual(state.drafts, []);
    assert.equal(listed(state)[0].lastMessage.id, "4");
  }
});

test("an answer after newer messages does not change the order", () => {
  const state = run(
    list(1, [conversation()]),
    page(1, []),
    { type: "sending", draft: draft("c") },
    event(2, "message", mine(4, "c")),
    event(3, "message", message(5)),
    { type: "sent", message: mine(4, "c") },
  );
  assert.deepEqual(ids(state), ["4", "5"]);
  assert.equal(listed(state)[0].lastMessage.id, "5");
});

test("ids are ordered as numbers of any length", () => {
  const state = run(page(1, [message("10"), message("9")]), event(2, "message", message("9007199254740993")));
  assert.deepEqual(ids(state), ["9", "10", "9007199254740993"]);
});

test("a failed message stays, says why, and can be retried or discarded", () => {
  const failed = run(
    { type: "sending", draft: draft("c") },
    { type: "sending", draft: draft("d") },
    { type: "failed", draft: draft("c"), reason: "too long" },
  );
  assert.deepEqual(failed.drafts.map((d) => d.failure), ["too long", null]);
  const again = apply(failed, { type: "sending", draft: draft("c") });
  assert.deepEqual(again.drafts.map((d) => [d.clientId, d.failure]), [["d", null], ["c", null]]);
  const gone = apply(failed, { type: "discarded", draft: draft("c") });
  assert.deepEqual(gone.drafts.map((d) => d.clientId), ["d"]);
});

test("an unsent message found in a page of history is no longer unsent", () => {
  const state = run({ type: "sending", draft: draft("c") }, page(2, [mine(4, "c")]));
  assert.deepEqual(state.drafts, []);
});

test("the user's read sets the count, and the other user's read sets their marker", () => {
  const unread = conversation({ unreadCount: 3, hasUnreadMessages: true });
  const own = { conversationId: "1", userId: "1", lastReadMessageId: "4", unreadCount: 0 };
  const theirs = { conversationId: "1", userId: "2", lastReadMessageId: "3" };
  const state = run(list(1, [unread]), event(2, "read", own), event(3, "read", theirs));
  const [found] = listed(state);
  assert.equal(found.unreadCount, 0);
  assert.equal(found.hasUnreadMessages, false);
  assert.equal(found.lastReadMessageId, "4");
  assert.equal(found.otherLastReadMessageId, "3");
});

test("a new conversation is on top, and appears once", () => {
  const other = conversation({ id: "7", otherParticipant: jack });
  const told = event(2, "conversation", conversation());
  const state = run(list(1, [other]), told, told);
  assert.deepEqual(listed(state).map((c) => c.id), ["1", "7"]);
});

test("a message in an unlisted conversation requests it until it has loaded", () => {
  const state = run(list(1, []), event(2, "message", message(4)));
  assert.deepEqual(state.unknown, ["1"]);
  const snapshot = {
    position: "e-2",
    next: null,
    body: conversation({ lastMessage: message(4), unreadCount: 1, hasUnreadMessages: true }),
  };
  const found = apply(state, { type: "conversation", snapshot });
  assert.deepEqual(found.unknown, []);
  assert.equal(listed(found)[0].unreadCount, 1);
});

test("conversations that a new first page has no room for stay below it", () => {
  const [empty, other] = [conversation({ id: "7" }), conversation({ id: "8", lastMessage: message(3) })];
  const state = run(list(1, [empty, other], "next"), list(5, [conversation({ lastMessage: message(4) })], "next"));
  assert.deepEqual(listed(state).map((c) => c.id), ["1", "7", "8"]);
});

test("a further page places an empty conversation as the server does", () => {
  const [first, empty] = [conversation({ lastMessage: message(9) }), conversation({ id: "7" })];
  const [above, below] = [5, 3].map((n) => conversation({ id: `8${n}`, lastMessage: message(n) }));
  const state = run(list(1, [first, below], "next"), list(1, [above, empty, below], null, true));
  assert.deepEqual(listed(state).map((c) => c.id), ["1", "85", "7", "83"]);
});

test("an answer after the events of later messages moves no conversation", () => {
  const other = conversation({ id: "7", otherParticipant: jack });
  const later = message(5, { conversationId: "7", userId: "3" });
  const answer = { type: "sent", message: mine(4, "c") };
  const state = run(list(1, [conversation(), other]), event(2, "message", mine(4, "c")), event(3, "message", later), answer);
  assert.deepEqual(listed(state).map((c) => c.id), ["7", "1"]);
});

test("an answer before its own event is sorted by its time", () => {
  const other = conversation({ id: "7", otherParticipant: jack });
  const empty = conversation({ id: "8", otherParticipant: jack });
  const later = message(5, { conversationId: "7", userId: "3" });
  const answer = { type: "sent", message: mine(4, "c") };
  const state = run(list(1, [conversation(), other]), event(2, "conversation", empty), event(4, "message", later), answer);
  assert.deepEqual(listed(state).map((c) => c.id), ["7", "1", "8"]);
});

test("a newly listed conversation goes above an empty one that is older than its message", () => {
  const empty = conversation({ id: "7", otherParticipant: jack });
  const found = { position: "e-3", next: null, body: conversation({ lastMessage: message(4) }) };
  const told = { type: "conversation", snapshot: found };
  const before = run(list(1, [empty]), event(2, "message", message(4)), told);
  assert.deepEqual(listed(before).map((c) => c.id), ["1", "7"]);
  const after = run(list(1, []), event(2, "message", message(4)), event(3, "conversation", empty), told);
  assert.deepEqual(listed(after).map((c) => c.id), ["7", "1"]);
});

test("a conversation that began while the list was loading is in it", () => {
  const other = conversation({ id: "7", otherParticipant: jack });
  const begun = event(2, "conversation", conversation());
  const state = run(begun, event(3, "message", message(4)), list(1, [other]));
  assert.deepEqual(listed(state).map((c) => [c.id, c.unreadCount]), [["1", 1], ["7", 0]]);
});

test("a visited old conversation is sorted by its last message", () => {
  const newer = conversation({ id: "7", otherParticipant: jack, lastMessage: message(9) });
  const snapshot = { position: "e-1", next: null, body: conversation({ lastMessage: message(4) }) };
  const state = run(list(1, [newer]), { type: "conversation", snapshot });
  assert.deepEqual(listed(state).map((c) => c.id), ["7", "1"]);
});

test("a renamed user is renamed everywhere", () => {
  const renamed = { ...jane, username: "janet" };
  const state = run(list(1, [conversation()]), event(2, "user", renamed));
  assert.deepEqual(listed(state)[0].otherParticipant, renamed);
});

test("a user who is renamed elsewhere sees it here", () => {
  const renamed = { ...jack, username: "jackie", avatarURL: "/avatars/1.png" };
  assert.deepEqual(run({ type: "signed in", user: jack }, event(2, "user", renamed)).me, renamed);
  assert.deepEqual(run({ type: "signed in", user: jack }, event(2, "user", jane)).me, jack);
});

test("older messages join on top, and the first page's position remains", () => {
  const state = run(
    page(3, [message(6), message(5)], "/older"),
    page(9, [message(4), message(3)], null, true),
    event(4, "message", message(7)),
  );
  assert.deepEqual(ids(state), ["3", "4", "5", "6", "7"]);
  assert.equal(state.threads["1"].older, null);
});

test("a fresh snapshot after a reset replaces the state", () => {
  const before = run(list(1, [conversation()]), page(1, [message(4)]), event(2, "message", message(5)));
  const fresh = { position: "new-7", next: null, body: [message(9)] };
  const state = apply(before, { type: "messages", conversationId: "1", snapshot: fresh, older: false });
  assert.deepEqual(ids(state), ["9"]);
});

test("signing out clears the state", () => {
  const state = run({ type: "signed in", user: jane }, list(1, [conversation()]), { type: "signed out" });
  assert.deepEqual(state, { ...EMPTY, me: null });
});

test("the state after events equals a fresh snapshot", () => {
  const start = run(list(1, [conversation()]), page(1, []));
  const events = [
    event(2, "message", message(4)),
    event(3, "message", mine(5, "c")),
    event(4, "read", { conversationId: "1", userId: "1", lastReadMessageId: "4", unreadCount: 0 }),
    event(5, "message", message(6)),
    event(6, "read", { conversationId: "1", userId: "2", lastReadMessageId: "5" }),
  ];
  const lived = events.reduce(apply, start);
  const fresh = conversation({
    lastMessage: message(6),
    unreadCount: 1,
    hasUnreadMessages: true,
    lastReadMessageId: "4",
    otherLastReadMessageId: "5",
  });
  assert.deepEqual(listed(lived), [fresh]);
  assert.deepEqual(lived.threads["1"].messages, [message(4), mine(5, "c"), message(6)]);
  // The same if the events arrive first, and the snapshot that began before them last.
  const late = [...events, page(1, []), list(1, [conversation()])].reduce(apply, EMPTY);
  assert.deepEqual(late.threads["1"].messages, lived.threads["1"].messages);
  assert.deepEqual(listed(late), listed(lived));
});

test("a reset drops earlier events, and snapshots that were loading", () => {
  const before = run(list(1, [conversation()]), page(1, [message(4)]), event(2, "message", message(5)));
  const reset = apply(before, { type: "listening", position: "e-9" });
  assert.deepEqual([reset.threads, reset.recent], [{}, []]);
  for (const late of [page(3, [message(5)]), list(3, []), page(3, [message(3)], null, true)]) {
    assert.equal(apply(reset, late), reset);
  }
  const fresh = [page(9, [message(8)]), list(9, [conversation({ lastMessage: message(8) })])].reduce(apply, reset);
  assert.deepEqual(ids(fresh), ["8"]);
  assert.equal(listed(fresh)[0].lastMessage.id, "8");
});

test("snapshots from before the stream's first position are dropped, and others kept", () => {
  const visited = { position: "e-1", next: null, body: conversation() };
  const start = [{ type: "listening", position: "e-2" }, list(2, [])];
  const stale = run({ type: "conversation", snapshot: visited }, page(1, []), ...start);
  assert.deepEqual([stale.threads, listed(stale)], [{}, []]);
  const fresh = run({ type: "conversation", snapshot: { ...visited, position: "e-2" } }, page(2, [message(4)]), ...start);
  assert.deepEqual(ids(fresh), ["4"]);
  assert.deepEqual(listed(fresh).map((c) => c.id), ["1"]);
});

test("after a reset to another epoch only that epoch's snapshots and events count", () => {
  const before = run(list(50, [conversation({ unreadCount: 7, hasUnreadMessages: true })]), page(50, []));
  const reset = apply(before, { type: "listening", position: "new-3" });
  assert.equal(apply(reset, page(60, [message(4)])), reset);
  const snapshot = { position: "new-3", next: null, body: [conversation()] };
  const state = [
    event(4, "message", message(4), "new"),
    { type: "conversations", snapshot, older: false },
    { type: "messages", conversationId: "1", snapshot: { ...snapshot, body: [] }, older: false },
  ].reduce(apply, reset);
  assert.deepEqual(ids(state), ["4"]);
  assert.equal(listed(state)[0].unreadCount, 1);
});

test("an older page of a conversation that was dropped is dropped", () => {
  const state = run(list(1, [conversation()]));
  assert.equal(apply(state, page(1, [message(3)], null, true)), state);
});

test("a conversation visited before the list loaded stays in it, in its place, and once", () => {
  const visited = { position: "e-1", next: null, body: conversation({ lastMessage: message(4) }) };
  const others = [9, 8].map((id) => conversation({ id: `${id}`, lastMessage: message(id) }));
  const first = run({ type: "conversation", snapshot: visited }, list(1, others, "/next"));
  assert.deepEqual(listed(first).map((c) => c.id), ["9", "8", "1"]);
  const more = [conversation({ id: "6", lastMessage: message(6) }), visited.body, conversation({ id: "2" })];
  const second = apply(first, list(1, more, null, true));
  assert.deepEqual(listed(second).map((c) => c.id), ["9", "8", "6", "1", "2"]);
});

test("a conversation known from an event and a visit before the list loaded appears once", () => {
  const visited = { position: "e-2", next: null, body: conversation() };
  const told = event(2, "conversation", conversation());
  const state = run(told, { type: "conversation", snapshot: visited }, list(1, []));
  assert.deepEqual(listed(state).map((c) => c.id), ["1"]);
});

test("kept messages that the server has stored are left out", () => {
  const drafts = ["a", "b", "c"].map((id) => draft(id));
  const state = run(page(1, [mine(4, "a")]), event(2, "message", mine(5, "b")), { type: "drafts", drafts });
  assert.deepEqual(state.drafts.map((d) => d.clientId), ["c"]);
  const none = run(page(1, []));
  assert.equal(apply(none, { type: "drafts", drafts: [] }), none);
});

test("an unsent message survives a reset", () => {
  const state = run({ type: "sending", draft: draft("c") }, { type: "listening", position: "e-9" });
  assert.deepEqual(state.drafts.map((d) => d.clientId), ["c"]);
});

test("the other user's read does not change the unread count", () => {
  const unread = conversation({ unreadCount: 3, hasUnreadMessages: true });
  const read = { conversationId: "1", userId: "2", lastReadMessageId: "3" };
  const state = run(list(1, [unread]), event(2, "read", read));
  assert.equal(listed(state)[0].unreadCount, 3);
});

test("events are applied once however often they arrive", () => {
  const events = [
    event(2, "message", message(4)),
    event(3, "message", mine(5, "c")),
    event(4, "read", { conversationId: "1", userId: "1", lastReadMessageId: "4", unreadCount: 0 }),
    event(5, "message", message(6)),
  ];
  const once = events.reduce(apply, run(list(1, [conversation()]), page(1, [])));
  const twice = events.reduce(apply, once);
  assert.deepEqual(twice.threads, once.threads);
  assert.deepEqual(twice.entries, once.entries);
});

test("apply does not change the given state", () => {
  const before = run(list(1, [conversation()]), page(1, [message(3)]), { type: "sending", draft: draft("c") });
  const copy = structuredClone(before);
  [event(2, "message", mine(4, "c")), { type: "sent", message: mine(4, "c") }, list(5, [])].reduce(apply, before);
  assert.deepEqual(before, copy);
});

const reading = (messageId) => ({ type: "reading", conversationId: "1", messageId });

test("a visible message counts as read before the server says so", () => {
  const before = run(list(1, [conversation()]), page(1, []), ...[4, 5, 6].map((id) => event(id, "message", message(id))));
  assert.equal(listed(before)[0].unreadCount, 3);
  const [found] = listed(apply(before, reading("5")));
  assert.deepEqual([found.lastReadMessageId, found.unreadCount, found.hasUnreadMessages], ["5", 1, true]);
  const [all] = listed(apply(before, reading("6")));
  assert.deepEqual([all.lastReadMessageId, all.unreadCount, all.hasUnreadMessages], ["6", 0, false]);
});

test("the event of an earlier read does not undo later reads", () => {
  const told = (seq, lastReadMessageId, unreadCount) =>
    event(seq, "read", { conversationId: "1", userId: "1", lastReadMessageId, unreadCount });
  const state = run(
    list(1, [conversation()]),
    page(1, []),
    event(2, "message", message(4)),
    event(3, "message", message(5)),
    reading("5"),
    told(4, "4", 1),
  );
  assert.deepEqual([listed(state)[0].lastReadMessageId, listed(state)[0].unreadCount], ["5", 0]);
  const [both] = listed(apply(state, told(5, "5", 0)));
  assert.deepEqual([both.lastReadMessageId, both.unreadCount], ["5", 0]);
});

test("reading moves no marker back, and none of a missing conversation", () => {
  const read = conversation({ lastReadMessageId: "9" });
  const state = run(list(1, [read]), page(1, [message(9)]));
  assert.equal(apply(state, reading("9")), state);
  assert.equal(apply(state, reading("8")), state);
  assert.equal(apply(EMPTY, reading("9")), EMPTY);
});

test("a page that overlaps with the state is merged, each message once", () => {
  const state = run(page(3, [message(6), message(5)], "/older"), page(9, [message(5), message(4)], null, true));
  assert.deepEqual(ids(state), ["4", "5", "6"]);
});

test("a changed message replaces the one that stands anywhere, and its counts those of the conversation", () => {
  const unread = conversation({ lastMessage: message(4), unreadCount: 2, hasUnreadMessages: true });
  const deleted = message(4, { content: "", version: 2 });
  const state = run(
    list(1, [unread]),
    page(1, [message(4), message(3)]),
    event(2, "change", { message: deleted, unreadCount: 1, unreadMentionCount: 0 }),
    event(3, "change", { message: message(3, { content: "edited", version: 2 }) }),
  );
  assert.deepEqual(
    state.threads["1"].messages.map((m) => m.content),
    ["edited", ""],
  );
  assert.deepEqual([listed(state)[0].lastMessage, listed(state)[0].unreadCount], [deleted, 1]);
});

test("a message with a higher version is not replaced by a change, and no other message is", () => {
  const held = message(4, { content: "third", version: 3 });
  const change = (version) => ({ message: message(4, { content: "changed", version }) });
  const before = run(list(1, [conversation({ lastMessage: held })]), page(1, [held, message(3)]));
  for (const [version, content] of [
    [2, "third"],
    [3, "changed"],
  ]) {
    const state = apply(before, event(2, "change", change(version)));
    assert.deepEqual(
      state.threads["1"].messages.map((m) => m.content),
      ["number 3", content],
    );
    assert.equal(listed(state)[0].lastMessage.content, content);
  }
  const elsewhere = apply(before, event(2, "change", { message: message(5, { version: 2 }) }));
  assert.equal(listed(elsewhere)[0].lastMessage, held);
  assert.deepEqual(ids(elsewhere), ["3", "4"]);
});
