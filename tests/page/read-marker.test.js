import assert from "node:assert/strict";
import { test } from "node:test";

import { ReadMarker } from "../../static/components/read-marker.js";

globalThis.addEventListener ??= () => {}; // lib/backoff.js listens for the network's return

/** Lets promises settle, then `milliseconds` of mocked time pass. */
async function pass(t, milliseconds) {
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
  t.mock.timers.tick(milliseconds);
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
}

test("the first is reported at once, and the last of many that follow", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const told = [];
  const marker = new ReadMarker(async (id) => told.push(id), () => true);
  for (const id of ["8", "9", "10", "11"]) marker.moveTo(id);
  assert.deepEqual(told, ["8"]);
  await pass(t, 300);
  assert.deepEqual(told, ["8", "11"]);
  await pass(t, 300);
  marker.moveTo("12");
  assert.deepEqual(told, ["8", "11", "12"]);
});

test("the marker never moves back, and nothing is reported twice", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const told = [];
  const marker = new ReadMarker(async (id) => told.push(id), () => true);
  for (const id of ["10", "9", "10"]) {
    marker.moveTo(id);
    await pass(t, 1000);
  }
  assert.deepEqual(told, ["10"]);
});

test("a failed report is repeated until it succeeds, and includes later reads", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const told = [];
  let isUp = false;
  const tell = async (id) => {
    if (!isUp) throw new Error("away");
    told.push(id);
  };
  const marker = new ReadMarker(tell, () => false);
  marker.moveTo("1");
  await pass(t, 0);
  marker.moveTo("2");
  isUp = true;
  await pass(t, 30_000);
  assert.deepEqual(told, ["2"]);
});

test("a finally refused report is dropped, and the next one is sent", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const tried = [];
  const tell = async (id) => {
    tried.push(id);
    throw new Error("no such message");
  };
  const marker = new ReadMarker(tell, () => true);
  marker.moveTo("1");
  await pass(t, 30_000);
  await pass(t, 30_000);
  marker.moveTo("2");
  assert.deepEqual(tried, ["1", "2"]);
});
