// A client that loses nothing: it keeps the messages of one user in a file, each exactly once.
// Run it as TOKEN=… node client.mjs http://localhost:8000 messages.jsonl CONVERSATION: it prints
// what it keeps, and sends what it reads. The numbers are the steps of docs/client.md.
import { randomUUID } from "node:crypto";
import { appendFileSync, readFileSync, truncateSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
const [url, file, conversation] = process.argv.slice(2);
const newest = new Map(); // by conversation, the id of the last message kept
const outbox = new Map(); // by client id
let [position, isLive] = ["", false];

function keep(entry, isNew = true) { // 5: messages and their position are one line
  if (isNew) appendFileSync(file, `${JSON.stringify(entry)}\n`);
  for (const message of entry.messages ?? []) {
    if (BigInt(message.id) <= (newest.get(message.conversationId) ?? 0n)) continue;
    newest.set(message.conversationId, BigInt(message.id));
    console.log(JSON.stringify(message));
  }
  if (entry.draft) outbox.set(entry.draft.clientId, entry.draft);
  outbox.delete(entry.sent);
  position = entry.position ?? position;
}

async function call(path, more = {}) {
  const headers = { Authorization: `Bearer ${process.env.TOKEN}`, ...more.headers }; // 1
  headers["Content-Type"] = "application/json";
  const answer = await fetch(new URL(path, url), { ...more, headers });
  if (answer.ok) return answer;
  const wait = answer.headers.get("Retry-After");
  const problem = answer.status < 429 ? await answer.json() : {}; // of a proxy, it may be no JSON
  throw Object.assign(new Error(problem.detail), { status: problem.status, wait });
}

async function pages(path) { // 2: oldest first, and the position of the first page
  const answer = await call(path);
  const items = (await answer.json()).reverse();
  const next = /<(.+?)>; rel="next"/.exec(answer.headers.get("Link") ?? "");
  if (next) items.unshift(...(await pages(next[1])).items);
  return { items, position: answer.headers.get("Last-Event-ID") };
}

async function synchronise() { // 3, and 8: after a reset
  const listed = await pages("/api/conversations?limit=100");
  const messages = [];
  for (const id of new Set([...newest.keys(), ...listed.items.map((found) => found.id)])) {
    const path = `/api/conversations/${id}/messages?limit=100&after=${newest.get(id) ?? 0}`;
    messages.push(...(await pages(path)).items);
  }
  keep({ messages, position: listed.position });
}

async function follow() { // 4
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), 45_000); // 6: more than two heartbeats
  const headers = { Accept: "text/event-stream", "Last-Event-ID": position };
  const { body } = await call("/api/messages", { headers, signal: silence.signal });
  let text = "";
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    [text, isLive] = [text + piece, true];
    timer.refresh();
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const fields = text.slice(0, end).split("\n").map((line) => line.split(/: (.*)/));
      const { event, id, data } = Object.fromEntries(fields);
      const messages = event ? [] : [JSON.parse(data)];
      const unknown = messages.some((message) => !newest.has(message.conversationId));
      if (unknown || event === "reset") return synchronise();
      if (id) keep({ messages, position: id });
    }
  }
}

async function send() { // 9: what the outbox holds, in order
  for (const draft of outbox.values()) {
    const post = { method: "POST", body: JSON.stringify(draft) };
    try {
      await insist(() => call(`/api/conversations/${draft.to}/messages`, post));
    } catch (error) {
      if (error.status === 401) throw error; // it can be sent after a new sign-in
      console.error(`Not sent: ${draft.content}: ${error.message}`);
    }
    keep({ sent: draft.clientId });
  }
}

async function insist(action) { // 7
  for (let pause = 250; ; [pause, isLive] = [isLive ? 250 : Math.min(30_000, 2 * pause), false]) {
    try {
      return await action();
    } catch (error) {
      if (error.status < 429) throw error; // 10: it would be refused again
      await sleep(1000 * (error.wait ?? 0) + Math.random() * pause);
    }
  }
}
const whole = readFileSync(file, { encoding: "utf8", flag: "a+" }).replace(/[^\n]*$/, "");
truncateSync(file, Buffer.byteLength(whole)); // a crash may have cut the last line
for (const line of whole.split("\n").filter(Boolean)) keep(JSON.parse(line), false);
let sending = send();
createInterface({ input: process.stdin }).on("line", (content) => {
  keep({ draft: { content, clientId: randomUUID(), to: conversation } });
  sending = sending.then(send);
});
for (;;) {
  await insist(position ? follow : synchronise);
  await sleep(1000 * Math.random());
}
