/** Groups in the page's state: a snapshot and the events since equal a fresh snapshot. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { listed as drawn } from "../../static/state/lists.js";
import { apply, EMPTY } from "../../static/store.js";

const john = { id: "1", username: "john", avatarURL: null };
const jane = { id: "2", username: "jane", avatarURL: null };
const ann = { id: "3", username: "ann", avatarURL: null };
const bob = { id: "4", username: "bob", avatarURL: null };

const message = (id, fields = {}) => ({
  id: `${id}`,
  conversationId: "7",
  userId: "2",
  content: `number ${id}`,
  createdAt: "2026-01-01T00:00:00.000Z",
  mine: false,
  clientId: null,
  author: jane,
  ...fields,
});
const notice = (id, kind, users, fields = {}, more = {}) =>
  message(id, { content: "", notice: { kind, users, count: users.length, name: "Sunday", history: "joined", memberCount: 3, ...fields }, ...more });

const group = (fields = {}) => ({
  id: "7",
  otherParticipant: null,
  group: { name: "Sunday", memberCount: 3, role: "member", history: "joined" },
  lastMessage: null,
  unreadCount: 0,
  hasUnreadMessages: false,
  lastReadMessageId: null,
  otherLastReadMessageId: null,
  ...fields,
});
const member = (user, role = "member", joinedAt = "2026-01-01T00:00:00.000Z") => ({ user, role, joinedAt });

const event = (seq, name, data) => ({ type: "event", id: `e-${seq}`, name, data });
const list = (seq, body, next = null) => ({ type: "conversations", snapshot: { position: `e-${seq}`, body, next }, older: false });
const page = (seq, body, next = null, older = false) => ({
  type: "messages",
  conversationId: "7",
  snapshot: { position: `e-${seq}`, body, next },
  older,
});
const members = (seq, body, next = null, older = false) => ({
  type: "members",
  conversationId: "7",
  snapshot: { position: `e-${seq}`, body, next },
  older,
});

const run = (...actions) => [{ type: "signed in", user: john }, ...actions].reduce(apply, EMPTY);
const only = (state) => state.entries[0].conversation;
const known = (state) => state.threads["7"].messages;

test("a notice is the last message, and never unread", () => {
  const joined = notice(5, "added", [ann]);
  const state = run(list(1, [group()]), event(2, "message", joined));
  assert.deepEqual(only(state).lastMessage, joined);
  assert.equal(only(state).unreadCount, 0);
  assert.equal(only(state).hasUnreadMessages, false);
});

test("notices set the name, the number of members, the history and one's own role", () => {
  const steps = [
    notice(5, "renamed", [], { name: "Monday", history: "all", memberCount: 4 }),
    notice(6, "promoted", [john], { name: "Monday", history: "all", memberCount: 4 }),
  ];
  const state = run(list(1, [group()]), ...steps.map((one, n) => event(2 + n, "message", one)));
  assert.deepEqual(only(state).group, { name: "Monday", memberCount: 4, role: "admin", history: "all" });
  const demoted = apply(state, event(4, "message", notice(7, "demoted", [john])));
  assert.equal(only(demoted).group.role, "member");
  const others = apply(demoted, event(5, "message", notice(8, "promoted", [ann])));
  assert.equal(only(others).group.role, "member");
});

test("a message counts once, and as a mention where it calls one by name", () => {
  const state = run(
    list(1, [group()]),
    event(2, "message", message(5, { mentions: [{ userId: "1", username: "john" }] })),
    event(3, "message", message(6, { mentions: [{ userId: "3", username: "ann" }] })),
    event(4, "message", message(7, { mine: true, userId: "1", author: john, mentions: [{ userId: "1", username: "john" }] })),
    event(5, "message", message(8, { content: "", version: 2, deletedAt: "2026-01-01T00:00:01.000Z", deletedBy: "2" })),
  );
  assert.equal(only(state).unreadCount, 3); // deleted by now or not: its `change` follows
  assert.equal(only(state).unreadMentionCount, 1);
});

test("counts stop at a thousand and at a hundred", () => {
  const full = group({ unreadCount: 1000, hasUnreadMessages: true, unreadMentionCount: 100 });
  const state = run(list(1, [full]), event(2, "message", message(5, { mentions: [{ userId: "1", username: "john" }] })));
  assert.deepEqual([only(state).unreadCount, only(state).unreadMentionCount], [1000, 100]);
});

test("a change replaces the message wherever it stands, and the counts that it has", () => {
  const unread = group({ lastMessage: message(5), unreadCount: 2, hasUnreadMessages: true, unreadMentionCount: 1 });
  const gone = message(5, { content: "", version: 2, deletedAt: "2026-01-01T00:00:01.000Z", deletedBy: "2" });
  const state = run(list(1, [unread]), page(1, [message(5)]), event(2, "change", { message: gone, unreadCount: 1, unreadMentionCount: 0 }));
  assert.deepEqual(known(state), [gone]);
  assert.deepEqual(only(state), group({ lastMessage: gone, unreadCount: 1, hasUnreadMessages: true }));
  const edited = message(5, { content: "other", version: 2 });
  const kept = run(list(1, [unread]), event(2, "change", { message: edited }));
  assert.deepEqual(only(kept), { ...unread, lastMessage: edited });
});

test("of two states of a message the higher version holds, and at one version the later position", () => {
  const [first, second] = [message(5, { content: "one", version: 2 }), message(5, { content: "two", version: 3 })];
  const state = run(list(1, [group()]), page(1, [message(5)]), event(2, "change", { message: second }), event(3, "change", { message: first }));
  assert.equal(known(state)[0].content, "two");
  const later = { ...second, reactions: [{ emoji: "👍", count: 1, mine: false }] };
  assert.deepEqual(known(apply(state, page(4, [later]))), [later]);
  assert.deepEqual(known(apply(apply(state, page(4, [later])), page(5, [second]))), [second]);
});

test("an answer to a message takes no reactions, and never undoes an event", () => {
  const sent = message(5, { mine: true, userId: "1", author: john, clientId: "c" });
  const reactions = [{ emoji: "👍", count: 1, mine: false }];
  const told = run(list(1, [group()]), page(1, []), event(2, "message", sent), event(3, "reactions", { conversationId: "7", messageId: "5", reactions }));
  const state = apply(told, { type: "sent", message: { ...sent, reactions: [] } });
  assert.deepEqual(known(state)[0].reactions, reactions);
  assert.deepEqual(only(state).lastMessage.reactions, reactions);
  const early = run(list(1, [group()]), page(1, []), { type: "sent", message: { ...sent, reactions } });
  assert.deepEqual(known(early), [sent]);
});

test("reactions stand on a message until it is deleted", () => {
  const reactions = [{ emoji: "👍", count: 2, mine: true }];
  const reacted = (seq) => event(seq, "reactions", { conversationId: "7", messageId: "5", reactions });
  const state = run(list(1, [group({ lastMessage: message(5) })]), page(1, [message(5)]), reacted(2));
  assert.deepEqual(known(state)[0].reactions, reactions);
  assert.deepEqual(only(state).lastMessage.reactions, reactions);
  const deleted = message(5, { content: "", version: 2, deletedAt: "2026-01-01T00:00:01.000Z", deletedBy: "2" });
  assert.deepEqual(known(run(page(1, [deleted]), reacted(2))), [deleted]);
});

test("a page of history shows what changed while it was loading", () => {
  const edited = message(3, { content: "edited", version: 2 });
  const state = run(list(1, [group()]), page(1, [message(5)], "/older"), event(9, "change", { message: edited }), page(4, [message(3)], null, true));
  assert.deepEqual(known(state), [edited, message(5)]);
});

test("changes of messages above a newer page still count", () => {
  const state = run(list(1, [group()]), page(1, [message(5), message(4)], "/older"), page(8, [message(6), message(5)], "/older"));
  const edited = message(4, { content: "edited", version: 2 });
  assert.deepEqual(known(apply(state, event(7, "change", { message: edited })))[0], edited);
});

test("who goes loses the conversation, its messages and its members, but no unsent text", () => {
  const draft = { conversationId: "7", clientId: "c", content: "wait", createdAt: "2026-01-01T00:00:00.000Z", failure: "why" };
  const state = run(
    list(1, [group()]),
    page(1, [message(5)]),
    members(1, [member(john)]),
    { type: "sending", draft },
    event(2, "gone", { conversationId: "7", reason: "removed" }),
  );
  assert.deepEqual([state.entries, state.threads, state.memberships], [[], {}, {}]);
  assert.deepEqual(state.gone, { 7: "removed" });
  assert.deepEqual(state.drafts, [draft]);
  assert.deepEqual(drawn(state).map(({ conversation }) => [conversation.id, conversation.lastMessage.content]), [["7", "wait"]]);
});

test("what was loading when one went does not come back, and a new membership does", () => {
  const left = run(list(1, [group()]), event(5, "gone", { conversationId: "7", reason: "left" }));
  const late = [page(4, [message(3)]), members(4, [member(john)]), { type: "conversation", snapshot: { position: "e-4", body: group(), next: null } }];
  const state = late.reduce(apply, left);
  assert.deepEqual([state.entries, state.threads, state.memberships], [[], {}, {}]);
  const again = apply(state, event(6, "conversation", group({ lastMessage: notice(9, "added", [john]) })));
  assert.equal(only(again).lastMessage.id, "9");
  assert.deepEqual(again.gone, {});
  assert.equal(only(apply(again, list(4, [group()]))).lastMessage.id, "9");
});

test("who is a member again in a later snapshot is not told of having gone", () => {
  const state = run(list(8, [group()]), page(8, [message(9)]), event(5, "gone", { conversationId: "7", reason: "removed" }));
  assert.deepEqual([state.gone, only(state).id, known(state).length], [{}, "7", 1]);
});

test("a complete list lacks what one has left, while no events arrive", () => {
  assert.deepEqual(run(list(1, [group()]), list(9, [])).entries, []);
  assert.equal(run(list(1, [group()]), list(9, [], "/next")).entries.length, 1);
});

test("a message in a group that one has left meanwhile is not asked for", () => {
  const state = run(list(1, []), event(2, "message", message(5)), event(3, "gone", { conversationId: "7", reason: "left" }));
  assert.deepEqual(state.unknown, []);
});

test("a read in a group sets both counts", () => {
  const unread = group({ unreadCount: 3, hasUnreadMessages: true, unreadMentionCount: 2 });
  const read = { conversationId: "7", userId: "1", lastReadMessageId: "5", unreadCount: 1, unreadMentionCount: 1 };
  const state = run(list(1, [unread]), event(2, "read", read));
  assert.deepEqual([only(state).unreadCount, only(state).unreadMentionCount, only(state).lastReadMessageId], [1, 1, "5"]);
  const { unreadMentionCount, ...none } = { ...read, unreadCount: 0 };
  assert.equal(unreadMentionCount, 1);
  const all = apply(state, event(3, "read", none));
  assert.deepEqual([only(all).unreadCount, only(all).unreadMentionCount], [0, undefined]);
});

test("reading counts neither notices nor deleted messages", () => {
  const unread = group({ unreadCount: 2, hasUnreadMessages: true, unreadMentionCount: 1 });
  const deleted = message(8, { content: "", deletedAt: "2026-01-01T00:00:01.000Z", deletedBy: "2", version: 2 });
  const last = message(9, { mentions: [{ userId: "1", username: "john" }] });
  const state = run(list(1, [unread]), page(1, [last, deleted, notice(7, "left", [jane]), message(6)]));
  const seen = apply(state, { type: "reading", conversationId: "7", messageId: "6" });
  assert.deepEqual([only(seen).unreadCount, only(seen).unreadMentionCount], [1, 1]);
});

test("a setting is one's own choice of notifications", () => {
  const state = run(list(1, [group()]), event(2, "setting", { conversationId: "7", notify: "mentions" }));
  assert.equal(only(state).notify, "mentions");
});

test("a renamed person is renamed in messages, notices and among the members", () => {
  const renamed = { ...jane, username: "janet" };
  const state = run(
    list(1, [group({ lastMessage: message(5) })]),
    page(1, [message(5), notice(4, "added", [jane], {}, { author: ann, userId: "3" })]),
    members(1, [member(jane), member(john)]),
    event(2, "user", renamed),
  );
  assert.deepEqual(known(state).map(({ author, notice: told }) => told?.users[0] ?? author), [renamed, renamed]);
  assert.deepEqual(only(state).lastMessage.author, renamed);
  assert.deepEqual(state.memberships["7"].members.map(({ user }) => user), [renamed, john]);
});

test("notices change the members as a fresh list has them", () => {
  const at = (seq) => ({ createdAt: `2026-01-01T00:00:0${seq}.000Z` });
  const state = run(
    list(1, [group()]),
    members(1, [member(jane, "admin"), member(john)]),
    event(2, "message", notice(5, "added", [ann, bob], {}, at(2))),
    event(3, "message", notice(6, "promoted", [ann], {}, at(3))),
    event(4, "message", notice(7, "removed", [bob], {}, at(4))),
    event(5, "message", notice(8, "left", [jane], {}, at(5))),
    event(6, "message", notice(9, "joined", [ann], {}, { ...at(6), author: bob, userId: "4" })),
  );
  assert.deepEqual(state.memberships["7"], {
    members: [member(bob, "member", at(6).createdAt), member(ann, "admin", at(2).createdAt), member(john)],
    position: "e-1",
    more: null,
    isPartial: false,
  });
});

test("of those who came together, the higher id is first", () => {
  const state = run(list(1, [group()]), members(1, [member(john)]), event(2, "message", notice(5, "added", [ann, jane, bob])));
  assert.deepEqual(state.memberships["7"].members.map(({ user }) => user.username), ["bob", "ann", "jane", "john"]);
});

test("a notice that does not name all who came asks for the members anew", () => {
  const state = run(list(1, [group()]), members(1, [member(john)]), event(2, "message", notice(5, "added", [ann], { count: 25 })));
  assert.equal(state.memberships["7"].isPartial, true);
  assert.equal(apply(state, members(2, [member(ann), member(john)])).memberships["7"].isPartial, false);
});

test("further members follow the first ones, without those who went meanwhile", () => {
  const state = run(
    list(1, [group()]),
    members(1, [member(ann)], "/next"),
    event(4, "message", notice(5, "removed", [bob])),
    members(3, [member(bob), member(john)], null, true),
  );
  assert.deepEqual(state.memberships["7"].members.map(({ user }) => user.username), ["ann", "john"]);
  assert.equal(state.memberships["7"].more, null);
});

test("an event of an unknown name changes nothing", () => {
  const state = run(list(1, [group()]), page(1, [message(5)]));
  const after = apply(state, event(2, "waved", { conversationId: "7" }));
  assert.deepEqual({ ...after, recent: [] }, state);
});

test("what an event tells of conversations beyond the list is counted again", () => {
  const state = run({ ...list(1, [group()], "/next"), snapshot: { position: "e-1", body: [group()], next: "/next", unreadTotal: 3 } });
  const beyond = { conversationId: "9" };
  assert.equal(apply(state, event(2, "gone", { ...beyond, reason: "left" })).recount, true);
  const change = { message: message(5, beyond), unreadCount: 1, unreadMentionCount: 0 };
  assert.equal(apply(state, event(2, "change", change)).recount, true);
  assert.equal(apply(state, event(2, "change", { message: message(5, beyond) })).recount, false);
});
