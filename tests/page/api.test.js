import assert from "node:assert/strict";
import { test } from "node:test";

import * as api from "../../static/api.js";

/** Answers the next requests, and records them. */
function answering(t, ...answers) {
  const asked = [];
  t.mock.method(globalThis, "fetch", async (path, init) => {
    asked.push([init.method ?? "GET", path, init.body]);
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return asked;
}

const refused = (t, answer) => {
  answering(t, answer);
  return api.authUser().then(
    () => assert.fail("was answered"),
    (problem) => problem,
  );
};

test("a snapshot has its position and the link to the next page", async (t) => {
  const headers = { "Last-Event-ID": "e-7", Link: '</api/conversations?cursor=a%2Cb>; rel="next"' };
  answering(t, Response.json([], { headers }), Response.json([], { headers: { "Last-Event-ID": "e-7" } }));
  assert.deepEqual(await api.conversations(), { position: "e-7", next: "/api/conversations?cursor=a%2Cb", body: [] });
  assert.equal((await api.conversations()).next, null);
});

test("a search is sent exactly as typed", async (t) => {
  const asked = answering(t, Response.json([]));
  await api.users("a&b=%c", new AbortController().signal);
  assert.deepEqual(asked, [["GET", "/api/users?search=a%26b%3D%25c", undefined]]);
});

test("a refusal is a problem with its code, sentences and waiting time", async (t) => {
  const body = { status: 429, code: "too_many", detail: "Slow down.", errors: { content: "is long" } };
  const problem = await refused(t, Response.json(body, { status: 429, headers: { "Retry-After": "3" } }));
  assert.ok(problem instanceof api.ApiProblem);
  assert.deepEqual([problem.status, problem.code, problem.message], [429, "too_many", "Slow down."]);
  assert.deepEqual([problem.errors, problem.retryAfterSeconds], [{ content: "is long" }, 3]);
});

test("a refusal in a proxy's own format is a problem too", async (t) => {
  for (const body of ["<html>Bad gateway</html>", "null", "[]", '"no"', ""]) {
    const problem = await refused(t, new Response(body, { status: 502 }));
    assert.deepEqual([problem.status, problem.code, problem.errors], [502, "unknown", {}]);
  }
});

test("a missing, cut or non-JSON answer means that the server is unreachable", async (t) => {
  for (const answer of [new TypeError("Failed to fetch"), new Response("<html>"), new Response('[{"id"')]) {
    assert.equal((await refused(t, answer)).status, 0);
  }
});

test("only a refusal that no repeat can change is final", () => {
  const final = [0, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503].filter(
    (status) => new api.ApiProblem(status, "", "").isFinal,
  );
  assert.deepEqual(final, [400, 403, 404, 409, 413, 422]);
});

test("the waiting time is one second to one minute, whatever a header says", async (t) => {
  const soon = new Date(Date.now() + 30_000).toUTCString();
  const asked = { 0: 1, "-5": 1, 2592000: 60, "1e99": 60, Infinity: 60, "0.5": 1, soon: 0, "": 0, NaN: 0, "Wed, 21 Oct 2015 07:28:00 GMT": 1 };
  for (const [header, seconds] of Object.entries(asked)) {
    const problem = await refused(t, new Response("", { status: 503, headers: { "Retry-After": header } }));
    assert.equal(problem.retryAfterSeconds, seconds, header);
  }
  const { retryAfterSeconds } = await refused(t, new Response("", { status: 503, headers: { "Retry-After": soon } }));
  assert.ok(retryAfterSeconds > 20 && retryAfterSeconds <= 30);
});
