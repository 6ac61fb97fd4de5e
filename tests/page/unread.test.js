import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";

import { EMPTY } from "../../static/store.js";
import { iconOf, titleOf, unreadIn } from "../../static/unread.js";

const state = (...counts) => ({
  ...EMPTY,
  me: { id: "1", username: "john", avatarURL: null },
  entries: counts.map((unreadCount, n) => ({
    position: "e-1",
    conversation: { id: `${n + 1}`, unreadCount, otherParticipant: { id: `${n + 2}`, username: `jane${n + 1}`, avatarURL: null } },
  })),
});

test("the title has the unread total of all conversations, and the open one's name", () => {
  assert.equal(titleOf(state(2, 0, 1), "/"), "(3) Messenger");
  assert.equal(titleOf(state(0, 0), "/"), "Messenger");
  assert.equal(titleOf(state(2, 1), "/conversations/2"), "(3) jane2 · Messenger");
  assert.equal(titleOf(state(0, 0), "/conversations/2/messages/7"), "jane2 · Messenger");
  assert.equal(titleOf(state(0), "/conversations/9"), "Messenger");
});

test("from a thousand on, the title says that there are more", () => {
  assert.equal(titleOf(state(999), "/"), "(999) Messenger");
  assert.equal(titleOf(state(998, 2), "/"), "(999+) Messenger");
  assert.equal(unreadIn(state(1000, 1000)), 1000);
});

test("nothing is unread before the first snapshot, nor after signing out", () => {
  assert.equal(titleOf(EMPTY, "/"), "Messenger");
  assert.equal(titleOf({ ...EMPTY, me: null }, "/conversations/1"), "Messenger");
});

test("there is an icon for each number", () => {
  assert.deepEqual([0, 1, 9, 10, 1000].map(iconOf), [
    "/favicon.svg",
    "/icons/unread-1.svg",
    "/icons/unread-9.svg",
    "/icons/unread-many.svg",
    "/icons/unread-many.svg",
  ]);
  for (let unread = 0; unread <= 10; unread += 1) {
    assert.ok(existsSync(new URL(`../../static${iconOf(unread)}`, import.meta.url)), iconOf(unread));
  }
});
