import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../../static/outbox.js";
import { Store } from "../../static/store.js";

// Browsers have these; the outbox listens to them for changes of the network and of its page's visibility.
globalThis.addEventListener ??= () => {};
globalThis.document ??= new EventTarget();

/** An outbox whose sends are answered by `answer(content, clientId)`; a number is a refusal. */
function outbox(t, answer) {
  const sent = [];
  t.mock.method(globalThis, "fetch", async (path, { body, signal }) => {
    const { content, clientId } = JSON.parse(body);
    sent.push([content, clientId]);
    const givenUp = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const status = (await Promise.race([answer(content, sent.length), givenUp])) ?? 201;
    if (status >= 400) return Response.json({ detail: "It is refused." }, { status });
    const id = `${sent.length}`;
    return Response.json({ id, conversationId: path.split("/")[3], userId: "1", content, createdAt: "", mine: true, clientId });
  });
  const store = new Store();
  const problems = [];
  const ended = new AbortController();
  t.after(() => ended.abort());
  const box = new Outbox("1", store, (problem) => problems.push(problem.status), ended.signal);
  return { store, sent, problems, box };
}

/** Resolves when `condition` is true. */
async function until(condition) {
  for (let n = 0; !condition(); n += 1) {
    assert.ok(n < 500, "waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const contents = (sent) => sent.map(([content]) => content);

test("messages of one conversation are sent one after another, in order", async (t) => {
  let atOnce = 0;
  const { store, sent, box } = outbox(t, async () => {
    assert.equal((atOnce += 1), 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    atOnce -= 1;
  });
  for (const content of ["a", "b", "c"]) box.send("1", content);
  assert.equal(store.state.drafts.length, 3);
  await until(() => store.state.drafts.length === 0);
  assert.deepEqual(contents(sent), ["a", "b", "c"]);
});

test("a temporary failure is repeated under the same client id, before the next message", async (t) => {
  const { store, sent, box, problems } = outbox(t, (_, n) => (n === 1 ? 503 : 201));
  box.send("1", "a");
  box.send("1", "b");
  await until(() => store.state.drafts.length === 0);
  assert.deepEqual(contents(sent), ["a", "a", "b"]);
  assert.equal(sent[0][1], sent[1][1]);
  assert.notEqual(sent[1][1], sent[2][1]);
  assert.deepEqual(problems, [503]);
});

test("a final refusal says why, and lets the next one pass", async (t) => {
  const { store, sent, box } = outbox(t, (content) => (content === "bad" ? 422 : 201));
  box.send("1", "bad");
  box.send("1", "good");
  await until(() => sent.length === 2 && store.state.drafts.length === 1);
  assert.equal(store.state.drafts[0].failure, "It is refused.");
});

test("a failed message can be retried under its client id, or discarded", async (t) => {
  const { store, sent, box } = outbox(t, (_, n) => (n <= 2 ? 422 : 201));
  box.send("1", "a");
  box.send("1", "b");
  await until(() => store.state.drafts.every((draft) => draft.failure));
  const [first, second] = store.state.drafts;
  box.discard(second);
  box.retry(first);
  await until(() => store.state.drafts.length === 0);
  assert.deepEqual(contents(sent), ["a", "b", "a"]);
  assert.equal(sent[2][1], sent[0][1]);
});

test("a conversation does not wait for another one", async (t) => {
  const { store, sent, box } = outbox(t, (content) => (content === "stuck" ? 503 : 201));
  box.send("1", "stuck");
  box.send("2", "free");
  await until(() => store.state.drafts.length === 1);
  assert.deepEqual(store.state.drafts.map((draft) => draft.content), ["stuck"]);
  assert.ok(contents(sent).includes("free"));
});

test("a stream that opens ends the pause before the next try, and a hanging try", async (t) => {
  const hanging = new Promise(() => {});
  const { store, sent, box } = outbox(t, (_, n) => (n === 1 ? 503 : n === 2 ? hanging : 201));
  t.mock.method(Math, "random", () => 1); // the longest possible pause
  const live = () => {
    store.dispatch({ type: "connection", status: "connecting" });
    store.dispatch({ type: "connection", status: "live" });
  };
  box.send("1", "a");
  for (const tries of [1, 2]) {
    await until(() => sent.length === tries);
    await new Promise((resolve) => setTimeout(resolve, 50)); // during the pause, or during the try
    live();
  }
  await until(() => store.state.drafts.length === 0);
  assert.deepEqual(contents(sent), ["a", "a", "a"]);
  assert.equal(new Set(sent.map(([, clientId]) => clientId)).size, 1);
});

test("nothing is sent once another tab reports a different user", async (t) => {
  let who = "1";
  globalThis.localStorage = { getItem: () => who };
  t.after(() => delete globalThis.localStorage);
  const { store, sent, box } = outbox(t, (_, n) => (n === 1 ? 503 : 201));
  box.send("1", "a");
  await until(() => sent.length === 1);
  who = "2";
  store.dispatch({ type: "connection", status: "live" }); // which would start a try at once
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(sent.length, 1);
  assert.equal(store.state.drafts.length, 1);
});
