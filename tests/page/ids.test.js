import assert from "node:assert/strict";
import { test } from "node:test";

import { compareIds, countBefore, countUpTo, pathOfConversation, pathOfDetails, pathOfMessage, placeAt } from "../../static/lib/ids.js";

test("ids are compared as numbers of any length", () => {
  const sorted = ["1", "9", "10", "9007199254740993", "9007199254740994"];
  assert.deepEqual(sorted.toReversed().sort(compareIds), sorted);
  assert.equal(compareIds("7", "7"), 0);
});

test("messages are counted up to an id, even one that is missing", () => {
  const messages = ["2", "9", "10", "400"].map((id) => ({ id }));
  const counts = (id) => [countBefore(messages, id), countUpTo(messages, id)];
  assert.deepEqual(
    ["0", "2", "5", "9", "10", "400", "401"].map(counts),
    [[0, 0], [0, 1], [1, 1], [1, 2], [2, 3], [3, 4], [4, 4]],
  );
  assert.equal(countBefore([], "1"), 0);
});

test("a path leads to a conversation, to a message in it, and to the page about it", () => {
  assert.deepEqual(placeAt(pathOfConversation("12")), { conversationId: "12", messageId: undefined, details: false });
  assert.deepEqual(placeAt(pathOfMessage("12", "345")), { conversationId: "12", messageId: "345", details: false });
  assert.deepEqual(placeAt(pathOfDetails("12")), { conversationId: "12", messageId: undefined, details: true });
  for (const path of ["/", "/conversations/1/members", "/conversations/1/details/", "/conversations", "/conversations/0", "/conversations/1/", "/conversations/1/messages", "/conversations/1/messages/x", "/x/conversations/1"]) {
    assert.deepEqual(placeAt(path), { conversationId: undefined, messageId: undefined, details: false }, path);
  }
});
