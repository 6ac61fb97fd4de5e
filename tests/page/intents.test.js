import assert from "node:assert/strict";
import { test } from "node:test";

import { actsFor } from "../../static/lib/acts.js";
import { callBefore } from "../../static/lib/calls.js";
import { shownAs, wishesOf, withoutWish, withWish } from "../../static/state/intents.js";
import { apply, EMPTY } from "../../static/store.js";

const NOW = "2026-01-01T10:00:00.000Z";
const message = (id, fields = {}) => ({
  id: `${id}`,
  conversationId: "7",
  userId: "1",
  content: `number ${id}`,
  createdAt: "2026-01-01T00:00:00.000Z",
  mine: true,
  clientId: null,
  ...fields,
});
const edit = (content, version = 1) => ({ kind: "edit", content, version });
const react = (emoji, isWanted = true) => ({ kind: "react", emoji, isWanted });
const wanted = (...wishes) => wishes.reduce((intent, wish) => withWish(intent, message(1), wish, NOW), undefined);
const shown = (known, ...wishes) => shownAs(known, wanted(...wishes), "1");

const event = (seq, name, data) => ({ type: "event", id: `e-${seq}`, name, data });
const page = (seq, body, links = {}) => ({ position: `e-${seq}`, body, next: null, ...links });
const newest = (seq, body, next = null) => ({ type: "messages", conversationId: "7", snapshot: page(seq, body, { next }), older: false });
const window = (seq, body, links, way = "around") => ({ type: "window", conversationId: "7", snapshot: page(seq, body, links), way });
const run = (...actions) => [{ type: "signed in", user: { id: "1", username: "john", avatarURL: null } }, ...actions].reduce(apply, EMPTY);
const ids = (stretch) => stretch.messages.map(({ id }) => id);

test("of several wishes, the last one holds", () => {
  assert.equal(shown(message(1), edit("a"), edit("b")).content, "b");
  assert.deepEqual(shown(message(1), react("👍"), react("👍", false)).reactions, undefined);
  assert.deepEqual(wishesOf(wanted(edit("a"), react("👍"), { kind: "delete" })), [{ kind: "delete" }]);
});

test("an edit keeps the version that the user has seen", () => {
  assert.deepEqual(wishesOf(wanted(edit("a", 3), edit("b", 4))), [edit("b", 3)]);
});

test("a reaction counts the user once, and takes only the user back", () => {
  const both = message(1, { reactions: [{ emoji: "👍", count: 2, mine: true }] });
  assert.deepEqual(shown(both, react("👍")).reactions, both.reactions);
  assert.deepEqual(shown(both, react("👍", false)).reactions, [{ emoji: "👍", count: 1, mine: false }]);
  assert.deepEqual(shown(message(1), react("🎉")).reactions, [{ emoji: "🎉", count: 1, mine: true }]);
});

test("a deleted message has no text and no reactions, and no wish brings them back", () => {
  const gone = shown(message(1, { reactions: [{ emoji: "👍", count: 1, mine: true }] }), { kind: "delete" });
  assert.deepEqual([gone.content, gone.reactions, gone.deletedBy], ["", undefined, "1"]);
  assert.equal(shown(gone, edit("again")).content, "");
});

test("an answer removes only what was sent", () => {
  assert.equal(withoutWish(wanted(edit("a")), edit("a")), null);
  assert.deepEqual(wishesOf(withoutWish(wanted(edit("b")), edit("a"))), [edit("b", 2)]);
  assert.deepEqual(wishesOf(withoutWish(wanted(react("👍", false)), react("👍"))), [react("👍", false)]);
  assert.deepEqual(wishesOf(withoutWish(wanted(edit("a"), react("👍")), edit("a"))), [react("👍")]);
});

test("a fulfilled wish stays in the state until its event arrives", () => {
  const done = { type: "fulfilled", conversationId: "7", messageId: "1", wish: react("👍"), message: null, intents: [] };
  const state = run(newest(1, [message(1)]), { type: "wanted", intent: wanted(react("👍")) }, done);
  assert.deepEqual(state.intents, {});
  assert.deepEqual(state.threads["7"].messages[0].reactions, [{ emoji: "👍", count: 1, mine: true }]);
  const told = apply(state, event(2, "reactions", { conversationId: "7", messageId: "1", reactions: [{ emoji: "👍", count: 2, mine: true }] }));
  assert.equal(told.threads["7"].messages[0].reactions[0].count, 2);
});

test("a window of older messages joins the newest when they touch", () => {
  const apart = run(newest(1, [message(9), message(8)], "/older"), window(1, [message(4), message(3)], { next: "/2", prev: "/5" }));
  assert.deepEqual([ids(apart.windows["7"]), ids(apart.threads["7"])], [["3", "4"], ["8", "9"]]);
  const longer = apply(apart, window(1, [message(6), message(5)], { prev: "/7" }, "newer"));
  assert.deepEqual(ids(longer.windows["7"]), ["3", "4", "5", "6"]);
  const whole = apply(longer, window(1, [message(8), message(7)], { prev: "/9" }, "newer"));
  assert.equal(whole.windows["7"], undefined);
  assert.deepEqual([ids(whole.threads["7"]), whole.threads["7"].older], [["3", "4", "5", "6", "7", "8", "9"], "/2"]);
});

test("a window changes with its messages, and gets no new ones", () => {
  const apart = run(newest(1, [message(9)], "/older"), window(1, [message(3)], { next: "/2", prev: "/4" }));
  const after = [event(2, "message", message(10)), event(3, "change", { message: message(3, { content: "other", version: 2 }) })].reduce(apply, apart);
  assert.deepEqual([ids(after.windows["7"]), after.windows["7"].messages[0].content], [["3"], "other"]);
  assert.deepEqual(ids(after.threads["7"]), ["9", "10"]);
  assert.deepEqual(apply(after, event(4, "gone", { conversationId: "7", reason: "left" })).windows, {});
});

test("a message that a reply answers changes where it stands alone", () => {
  const state = run(newest(1, [message(9)], "/older"), { type: "target", id: "3", message: message(3) });
  const after = apply(state, event(2, "change", { message: message(3, { content: "other", version: 2 }) }));
  assert.equal(after.targets["3"].content, "other");
});

test("someone who has sent a message types no longer", () => {
  const state = run(newest(1, []), { type: "typing", typing: { conversationId: "7", userId: "2" }, until: 5 });
  assert.deepEqual(state.typing, { 7: { 2: 5 } });
  assert.deepEqual(apply(state, event(2, "message", message(3, { userId: "2", mine: false }))).typing, { 7: {} });
});

test("a message is edited by its author within 48 hours, and deleted by its author or an admin", () => {
  const at = (hours) => Date.parse(message(1).createdAt) + hours * 3_600_000;
  const acts = (one, isAdmin, hours = 1) => actsFor(one, { isAdmin, now: at(hours) }).filter((act) => act === "edit" || act === "delete");
  assert.deepEqual(acts(message(1), false, 47.9), ["edit", "delete"]);
  assert.deepEqual(acts(message(1), false, 48), ["delete"]);
  assert.deepEqual(acts(message(1, { mine: false }), false), []);
  assert.deepEqual(acts(message(1, { mine: false }), true), ["delete"]);
  assert.deepEqual(acts(message(1, { deletedAt: NOW }), true), []);
});

test("a name is called after an @ that follows no letter", () => {
  assert.deepEqual(callBefore("hello @ja"), { at: 6, name: "ja" });
  assert.deepEqual(callBefore("@"), { at: 0, name: "" });
  for (const text of ["mail@ja", "@@ja", "@ja "]) assert.equal(callBefore(text), null);
});
