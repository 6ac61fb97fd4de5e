/** What the page asks of the server; each function says in types what it answers. */

/** @typedef {import("./types.js").Conversation} Conversation */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").SignInMethods} SignInMethods */
/** @typedef {import("./types.js").User} User */
/**
 * @template T
 * @typedef {import("./types.js").Snapshot<T>} Snapshot
 */

const PATIENCE_MILLISECONDS = 15_000; // beyond the server's own deadline of 5 s, and a slow network

/** The server refused, and says why (RFC 9457). `status` 0: it could not be reached. */
export class ApiProblem extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} detail
   * @param {Record<string, string>} errors
   */
  constructor(status, code, detail, errors = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

/** @returns {Promise<SignInMethods>} */
export const signInMethods = () => get("/api/sign_in_methods").then((answer) => answer.json());

/** @returns {Promise<User>} */
export const authUser = () => get("/api/auth_user").then((answer) => answer.json());

/**
 * @param {string} username
 * @returns {Promise<User>}
 */
export async function login(username) {
  const answer = await post("/api/login", { username });
  return (await answer.json()).authUser;
}

export const logout = () => post("/api/logout");
export const refreshToken = () => post("/api/refresh_token");

/**
 * @param {string} search
 * @param {AbortSignal} signal
 * @returns {Promise<string[]>}
 */
export async function usernames(search, signal) {
  const answer = await get(`/api/usernames?search=${encodeURIComponent(search)}`, signal);
  return answer.json();
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
  return answer.json();
}

/**
 * @param {string} conversationId
 * @param {string | null} link the `next` of the page before
 * @returns {Promise<Snapshot<Message[]>>}
 */
export const messages = (conversationId, link = null) =>
  snapshot(link ?? `/api/conversations/${conversationId}/messages`);

/**
 * @param {string} conversationId
 * @param {string} content
 * @param {string} clientId
 * @returns {Promise<Message>}
 */
export async function send(conversationId, content, clientId) {
  const answer = await post(`/api/conversations/${conversationId}/messages`, { content, clientId });
  return answer.json();
}

/**
 * @param {string} conversationId
 * @param {string} lastReadMessageId
 */
export const markRead = (conversationId, lastReadMessageId) =>
  post(`/api/conversations/${conversationId}/read_messages`, { lastReadMessageId });

/**
 * @param {string} path
 * @returns {Promise<Snapshot<any>>}
 */
async function snapshot(path) {
  const answer = await get(path);
  return {
    position: answer.headers.get("Last-Event-ID") ?? "",
    next: nextLink(answer.headers.get("Link")),
    body: await answer.json(),
  };
}

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
 */
function post(path, fields) {
  if (fields === undefined) return ask(path, { method: "POST" });
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(fields) });
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
    answer = await fetch(path, { ...init, signal, credentials: "same-origin" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiProblem(0, "unreachable", "The server cannot be reached.");
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new ApiProblem(
    answer.status,
    problem.code ?? "unknown",
    problem.detail ?? `The server answered ${answer.status}.`,
    problem.errors,
  );
}
