/** Requests to the server. The types of each function say what the server answers. */

import { words } from "./words.js";

/** @typedef {import("./types.js").Conversation} Conversation */
/** @typedef {import("./types.js").Message} Message */
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
 * @param {string} conversationId
 * @param {number | null} [limit] null: the server's default
 * @returns {Promise<Snapshot<Message[]>>}
 */
export const messages = (conversationId, limit = null) =>
  snapshot(`/api/conversations/${conversationId}/messages${limit === null ? "" : `?limit=${limit}`}`);

/**
 * @param {string} link the `next` or `prev` of the page before
 * @param {number} limit
 * @returns {Promise<Snapshot<Message[]>>}
 */
export const olderMessages = (link, limit) => snapshot(withLimit(link, limit));

/**
 * @param {string} link
 * @param {number} limit
 */
export function withLimit(link, limit) {
  const url = new URL(link, "http://here");
  url.searchParams.set("limit", `${limit}`);
  return url.pathname + url.search;
}

/**
 * Messages around one, newest first, with links both ways.
 * @param {string} conversationId
 * @param {string} messageId
 * @returns {Promise<Snapshot<Message[]>>}
 */
export const messagesAround = (conversationId, messageId) =>
  snapshot(`/api/conversations/${conversationId}/messages?around=${messageId}&limit=${LARGEST_PAGE}`);

/**
 * @param {string} conversationId
 * @param {string} messageId
 * @returns {Promise<Message>}
 */
export const message = (conversationId, messageId) => get(pathOf(conversationId, messageId)).then(json);

/**
 * @param {string} conversationId
 * @param {string} content
 * @param {string} clientId
 * @param {AbortSignal} [signal]
 * @param {string} [replyToId]
 * @returns {Promise<Message>}
 */
export async function send(conversationId, content, clientId, signal, replyToId) {
  const fields = replyToId ? { content, clientId, replyToId } : { content, clientId };
  const answer = await post(`/api/conversations/${conversationId}/messages`, fields, { signal });
  return json(answer);
}

/**
 * @param {string} conversationId
 * @param {string} messageId
 */
export const pathOf = (conversationId, messageId) => `/api/conversations/${conversationId}/messages/${messageId}`;

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
export async function snapshot(path) {
  const answer = await get(path);
  return {
    position: answer.headers.get("Last-Event-ID") ?? "",
    ...linksIn(answer.headers.get("Link")),
    ...totalIn(answer.headers.get("Unread-Total")),
    body: await json(answer),
  };
}

/** Only the first page of the list has this header. @param {string | null} header */
const totalIn = (header) => (/^\d+$/.test(header ?? "") ? { unreadTotal: Number(header) } : {});

/** The links to the next page, and to the one before if there is one. @param {string | null} header */
function linksIn(header) {
  const [next, prev] = ["next", "prev"].map((rel) => header?.match(`<([^>]*)>; *rel="${rel}"`)?.[1] ?? null);
  return prev === null ? { next } : { next, prev };
}

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 */
export function get(path, signal) {
  return ask(path, { signal });
}

/**
 * @param {string} path
 * @param {object} [fields]
 * @param {RequestInit} [more] `signal`, or `keepalive`: the request continues if the page is closed
 */
export function post(path, fields, more = {}) {
  return fields === undefined ? ask(path, { ...more, method: "POST" }) : withFields("POST", path, fields, more);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} fields
 * @param {RequestInit} [more]
 */
export function withFields(method, path, fields, more = {}) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { ...more, method, headers, body: JSON.stringify(fields) });
}

/**
 * @param {string} path
 * @param {RequestInit} init
 */
export async function ask(path, init) {
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
export const json = (answer) =>
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
