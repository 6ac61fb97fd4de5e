/** Requests to the server. The types of each function say what the server answers. */

import { words } from "./words.js";

/** @typedef {import("./types.js").Conversation} Conversation */
/** @typedef {import("./types.js").History} History */
/** @typedef {import("./types.js").Member} Member */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").Session} Session */
/** @typedef {import("./types.js").SignInMethods} SignInMethods */
/** @typedef {import("./types.js").User} User */
/**
 * @template T
 * @typedef {import("./types.js").Snapshot<T>} Snapshot
 */

export const LARGEST_PAGE = 100; // messages or members in the server's largest page

const PATIENCE_MILLISECONDS = 15_000; // longer than the server's deadline of 5 s, on a slow network
const SHORTEST_RETRY_SECONDS = 1;
const LONGEST_RETRY_SECONDS = 60;
const FOREIGN = "unknown"; // the code of an answer that another program gave

/** An error answer with problem details (RFC 9457). `status` is 0 if there was no answer. */
export class ApiProblem extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} detail
   * @param {Record<string, string>} errors a sentence for each field that was refused
   * @param {number} retryAfterSeconds from the `Retry-After` header; 0 without one
   */
  constructor(status, code, detail, errors = {}, retryAfterSeconds = 0) {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** Whether another user has signed in since, so that the server did nothing. */
  get isOtherUser() {
    return this.code === "other_user";
  }

  /** Whether another program, such as a proxy, answered in place of the server. */
  get isForeign() {
    return this.code === FOREIGN;
  }

  /** Whether repeating the request is useless. */
  get isFinal() {
    if (this.isOtherUser) return false; // the request can succeed when its user is back
    return this.status >= 400 && this.status < 500 && ![401, 408, 429].includes(this.status);
  }
}

let writer = ""; // the user id for `X-User`

/**
 * Sets `X-User` on all later writes, so that the server refuses them if the cookie belongs to another user.
 * @param {string} userId
 */
export function writeAs(userId) {
  writer = userId;
}

/** @returns {Promise<SignInMethods>} */
export const signInMethods = () => get("/api/sign_in_methods").then(json);

/** @returns {Promise<User>} */
export const authUser = () => get("/api/auth_user").then(json);

/**
 * @param {string} username
 * @returns {Promise<User>}
 */
export async function login(username) {
  const answer = await post("/api/login", { username });
  return (await json(answer)).authUser;
}

export const logout = () => post("/api/logout");
export const refreshToken = () => post("/api/refresh_token");

/** @returns {Promise<Session[]>} latest seen first */
export const sessions = () => get("/api/sessions").then(json);

/** @param {string} id */
export const endSession = (id) => ask(`/api/sessions/${id}`, { method: "DELETE" });

export const endOtherSessions = () => ask("/api/sessions", { method: "DELETE" });

/**
 * People by the beginning of their user name, or of a word of their display name.
 * @param {string} search
 * @param {AbortSignal} signal
 * @returns {Promise<User[]>}
 */
export async function users(search, signal) {
  const answer = await get(`/api/users?search=${encodeURIComponent(search)}`, signal);
  return json(answer);
}

/**
 * @param {string | null} link the `next` of the page before
 * @returns {Promise<Snapshot<Conversation[]>>}
 */
export const conversations = (link = null) => snapshot(link ?? "/api/conversations");

/**
 * @param {string} id
 * @returns {Promise<Snapshot<Conversation>>}
 */
export const conversation = (id) => snapshot(`/api/conversations/${id}`);

/**
 * @param {string} username
 * @returns {Promise<Conversation>}
 */
export async function openConversation(username) {
  const answer = await post("/api/conversations", { username });
  return json(answer);
}

/**
 * Makes a group. A repeat with the same `clientId` and fields answers with the same group.
 * @param {{name: string, usernames: string[], history: History, clientId: string}} fields
 * @returns {Promise<Conversation>}
 */
export async function makeGroup(fields) {
  const answer = await post("/api/conversations", fields);
  return json(answer);
}

/**
 * @param {string} id
 * @param {{name?: string, history?: History}} fields
 */
export const changeGroup = (id, fields) => withFields("PATCH", `/api/conversations/${id}`, fields);

/**
 * The members of a group, latest first.
 * @param {string} id
 * @param {string | null} link the `next` of the page before
 * @returns {Promise<Snapshot<Member[]>>}
 */
export const members = (id, link = null) =>
  snapshot(link === null ? `/api/conversations/${id}/members` : withLimit(link, LARGEST_PAGE));

/**
 * At most ten members whose name begins with `search`, by name.
 * @param {string} id
 * @param {string} search
 * @param {AbortSignal} signal
 * @returns {Promise<Member[]>}
 */
export async function membersNamed(id, search, signal) {
  const answer = await get(`/api/conversations/${id}/members?search=${encodeURIComponent(search)}`, signal);
  return json(answer);
}

/**
 * @param {string} id
 * @param {string[]} usernames
 */
export const addMembers = (id, usernames) => post(`/api/conversations/${id}/members`, { usernames });

/**
 * @param {string} id
 * @param {string} userId
 * @param {import("./types.js").Role} role
 */
export const giveRole = (id, userId, role) => withFields("PATCH", `/api/conversations/${id}/members/${userId}`, { role });

/**
 * Removes a member, or leaves the group.
 * @param {string} id
 * @param {string} userId
 */
export const removeMember = (id, userId) => ask(`/api/conversations/${id}/members/${userId}`, { method: "DELETE" });

/**
 * @param {string} conversationId
 * @param {number | null} [limit] null: the server's default
 * @returns {Promise<Snapshot<Message[]>>}
 */
export const messages = (conversationId, limit = null) =>
  snapshot(`/api/conversations/${conversationId}/messages${limit === null ? "" : `?limit=${limit}`}`);

/**
 * @param {string} link the `next` of the page before
 * @param {number} limit
 * @returns {Promise<Snapshot<Message[]>>}
 */
export const olderMessages = (link, limit) => snapshot(withLimit(link, limit));

/**
 * @param {string} link
 * @param {number} limit
 */
function withLimit(link, limit) {
  const url = new URL(link, "http://here");
  url.searchParams.set("limit", `${limit}`);
  return url.pathname + url.search;
}

/**
 * @param {string} conversationId
 * @param {string} content
 * @param {string} clientId
 * @param {AbortSignal} [signal]
 * @returns {Promise<Message>}
 */
export async function send(conversationId, content, clientId, signal) {
  const answer = await post(`/api/conversations/${conversationId}/messages`, { content, clientId }, { signal });
  return json(answer);
}

/**
 * @param {string} conversationId
 * @param {string} lastReadMessageId
 */
export const markRead = (conversationId, lastReadMessageId) =>
  post(`/api/conversations/${conversationId}/read_messages`, { lastReadMessageId }, { keepalive: true });

/**
 * @param {string} path
 * @returns {Promise<Snapshot<any>>}
 */
async function snapshot(path) {
  const answer = await get(path);
  return {
    position: answer.headers.get("Last-Event-ID") ?? "",
    next: nextLink(answer.headers.get("Link")),
    ...totalIn(answer.headers.get("Unread-Total")),
    body: await json(answer),
  };
}

/** Only the first page of the list has this header. @param {string | null} header */
const totalIn = (header) => (/^\d+$/.test(header ?? "") ? { unreadTotal: Number(header) } : {});

/** @param {string | null} header */
function nextLink(header) {
  return header?.match(/<([^>]*)>; *rel="next"/)?.[1] ?? null;
}

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 */
function get(path, signal) {
  return ask(path, { signal });
}

/**
 * @param {string} path
 * @param {object} [fields]
 * @param {RequestInit} [more] `signal`, or `keepalive`: the request continues if the page is closed
 */
function post(path, fields, more = {}) {
  return fields === undefined ? ask(path, { ...more, method: "POST" }) : withFields("POST", path, fields, more);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} fields
 * @param {RequestInit} [more]
 */
function withFields(method, path, fields, more = {}) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { ...more, method, headers, body: JSON.stringify(fields) });
}

/**
 * @param {string} path
 * @param {RequestInit} init
 */
async function ask(path, init) {
  const patience = AbortSignal.timeout(PATIENCE_MILLISECONDS);
  const signal = init.signal ? AbortSignal.any([init.signal, patience]) : patience;
  let answer;
  try {
    answer = await fetch(path, { ...init, headers: headersFor(init), signal, credentials: "same-origin" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw unreachable();
  }
  if (answer.ok) return answer;
  throw await problem(answer);
}

/** @param {RequestInit} init */
function headersFor({ method = "GET", headers = {} }) {
  return method === "GET" || writer === "" ? headers : { ...headers, "X-User": writer };
}

/**
 * Reads an answer. One that breaks off counts as no answer.
 * @param {Response} answer
 * @returns {Promise<any>}
 */
const json = (answer) =>
  answer.json().catch(() => {
    throw unreachable();
  });

const unreachable = () => new ApiProblem(0, "unreachable", words.unreachable);

/**
 * Turns an error answer into an `ApiProblem`. A proxy's answer may lack problem details.
 * @param {Response} answer
 */
async function problem(answer) {
  const { code, detail, errors } = Object(await answer.json().catch(() => null));
  return new ApiProblem(
    answer.status,
    code ?? FOREIGN,
    detail ?? words.answered(answer.status),
    errors ?? {},
    secondsOf(answer.headers.get("Retry-After")),
  );
}

/**
 * Reads a `Retry-After` header, within limits: a proxy may send a month, which is too long for a timer.
 * @param {string | null} retryAfter seconds, or a date
 */
function secondsOf(retryAfter) {
  if (retryAfter === null) return 0;
  const seconds = retryAfter.trim() === "" ? Number.NaN : Number(retryAfter);
  const asked = Number.isNaN(seconds) ? (Date.parse(retryAfter) - Date.now()) / 1000 : seconds;
  return Number.isNaN(asked) ? 0 : Math.min(Math.max(asked, SHORTEST_RETRY_SECONDS), LONGEST_RETRY_SECONDS);
}
