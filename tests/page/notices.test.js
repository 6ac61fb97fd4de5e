import assert from "node:assert/strict";
import { test } from "node:test";

import { sentenceOf, summaryOf } from "../../static/lib/names.js";
import { callsOf } from "../../static/lib/pieces.js";

const person = (id, username, displayName) => ({ id, username, avatarURL: null, ...(displayName && { displayName }) });
const john = person("1", "john");
const jane = person("2", "jane", "Jane Doe");
const [ann, bob, carla] = [person("3", "ann"), person("4", "bob"), person("5", "carla")];

const notice = (kind, users = [], fields = {}) => ({ kind, users, count: users.length, name: "Sunday", history: "joined", memberCount: 3, ...fields });
const told = (author, kind, users, fields) => sentenceOf({ author, userId: author.id, notice: notice(kind, users, fields) }, "1");

test("each kind of notice is a sentence", () => {
  assert.deepEqual(
    [
      told(jane, "created"),
      told(jane, "created", [ann, bob]),
      told(jane, "added", [ann]),
      told(ann, "joined", [jane]),
      told(jane, "removed", [bob]),
      told(bob, "left", [bob]),
      told(jane, "renamed"),
      told(jane, "promoted", [ann]),
      told(jane, "demoted", [ann]),
      told(jane, "demoted", [jane]),
      told(jane, "history", [], { history: "all" }),
      told(jane, "history"),
    ],
    [
      "Jane Doe created the group",
      "Jane Doe created the group with ann and bob",
      "Jane Doe added ann",
      "ann joined by an invitation link",
      "Jane Doe removed bob",
      "bob left",
      "Jane Doe renamed the group to “Sunday”",
      "Jane Doe made ann an admin",
      "Jane Doe made ann a member",
      "Jane Doe stepped down as admin",
      "Jane Doe let new members see earlier messages",
      "Jane Doe hid earlier messages from new members",
    ],
  );
});

test("one's own part in it is in the second person, and first", () => {
  assert.equal(told(john, "added", [ann]), "You added ann");
  assert.equal(told(jane, "added", [ann, bob, carla, john]), "Jane Doe added you, ann, bob and 1 other");
  assert.equal(told(john, "left", [john]), "You left");
});

test("a line has three names, and the number of the others", () => {
  assert.equal(told(jane, "added", [ann, bob, carla]), "Jane Doe added ann, bob and carla");
  assert.equal(told(jane, "added", [ann, bob, carla], { count: 100 }), "Jane Doe added ann, bob, carla and 97 others");
});

test("a name keeps its direction to itself", () => {
  assert.equal(told(person("9", "x", "شكرا"), "left"), "\u2068شكرا\u2069 left");
});

test("several notices are one line", () => {
  const added = notice("added", [ann, bob], { count: 4 });
  assert.equal(summaryOf([added, notice("joined", [jane])]), "5 people joined");
  assert.equal(summaryOf([added, notice("left", [ann]), notice("renamed")]), "4 people joined, 1 left, 1 other change");
  assert.equal(summaryOf([notice("left", [ann]), notice("removed", [bob])]), "2 people left");
  assert.equal(summaryOf([notice("renamed"), notice("promoted", [ann])]), "2 changes");
});

test("a name is called with an @ that follows no letter, number or @", () => {
  const at = (text) => callsOf(text, "john").map(({ from, to }) => text.slice(from, to));
  assert.deepEqual(at("@john, (@John) and @JOHN!"), ["@john", "@John", "@JOHN"]);
  assert.deepEqual(at("hi @john-- and @john's"), ["@john", "@john"]);
  assert.deepEqual(at("a@john é@john 1@john @@john @johnny @john-b @ john"), []);
});
