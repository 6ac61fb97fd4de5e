import assert from "node:assert/strict";
import test from "node:test";

import { having, nameIn } from "../../static/lib/names.js";

test("a name is found in any form in which it is typed or pasted", () => {
  for (const typed of ["jack", "@jack", "＠ｊａｃｋ", "  @jack ", "@@jack", "@ jack", "\u200bjack\u200d", "\u2066@jack\u2069", "\ufeffjack\u3000"]) {
    assert.equal(nameIn(typed), "jack", JSON.stringify(typed));
  }
  assert.equal(nameIn("Jack-2"), "Jack-2");
  for (const typed of ["", "@", " ＠ ", "\u200b"]) assert.equal(nameIn(typed), "");
});

test("a middle part of a name finds it, after names that begin with it", () => {
  const users = ["maximilian-of-the-long-names", "ofelia", "jane"].map((username) => ({ id: username, username, avatarURL: null }));
  const found = (/** @type {string} */ search) => having(users, search).map(({ id }) => id);
  assert.deepEqual(found("OF"), ["ofelia", "maximilian-of-the-long-names"]);
  assert.deepEqual(found("long"), ["maximilian-of-the-long-names"]);
  assert.deepEqual(found("x."), []);
  users[2] = { ...users[2], displayName: "Ofra" };
  assert.deepEqual(found("of"), ["ofelia", "jane", "maximilian-of-the-long-names"]);
});
