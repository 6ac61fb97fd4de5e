/** Requests for what showing and writing messages does not need, beside those in api.js. */

import { ask, get, json, LARGEST_PAGE, pathOf, post, snapshot, withFields, withLimit } from "./api.js";

/** @typedef {import("./types.js").Conversation} Conversation */
/** @typedef {import("./types.js").History} History */
/** @typedef {import("./types.js").Member} Member */
/** @typedef {import("./types.js").Session} Session */
/** @typedef {import("./types.js").User} User */
/**
 * @template T
 * @typedef {import("./types.js").Snapshot<T>} Snapshot
 */

/**
 * @param {string} conversationId
 * @param {string} messageId
 * @param {{content: string, version: number}} fields the version that the new text replaces
 * @param {AbortSignal} signal
 * @returns {Promise<import("./types.js").Message>}
 */
export async function edit(conversationId, messageId, fields, signal) {
  const answer = await withFields("PATCH", pathOf(conversationId, messageId), fields, { signal });
  return json(answer);
}

/**
 * @param {string} conversationId
 * @param {string} messageId
 * @param {AbortSignal} signal
 */
export const deleteMessage = (conversationId, messageId, signal) => ask(pathOf(conversationId, messageId), { method: "DELETE", signal });

/**
 * @param {string} conversationId
 * @param {string} messageId
 * @param {string} emoji
 * @param {boolean} isWanted
 * @param {AbortSignal} signal
 */
export const react = (conversationId, messageId, emoji, isWanted, signal) =>
  ask(`${pathOf(conversationId, messageId)}/reactions/${encodeURIComponent(emoji)}`, { method: isWanted ? "PUT" : "DELETE", signal });

/**
 * Who has read a message of the user's own.
 * @param {string} conversationId
 * @param {string} messageId
 * @returns {Promise<User[]>}
 */
export const readers = (conversationId, messageId) => get(`${pathOf(conversationId, messageId)}/readers`).then(json);

/** @param {string} conversationId */
export const tellTyping = (conversationId) => post(`/api/conversations/${conversationId}/typing`);

/**
 * @param {string} conversationId
 * @param {import("./types.js").Notify} notify
 */
export const setNotify = (conversationId, notify) => withFields("PUT", `/api/conversations/${conversationId}/notify`, { notify });

/** @returns {Promise<import("./types.js").Settings>} */
export const settings = () => get("/api/settings").then(json);

/**
 * @param {Partial<import("./types.js").Settings>} fields
 * @returns {Promise<import("./types.js").Settings>}
 */
export const changeSettings = (fields) => withFields("PATCH", "/api/settings", fields).then(json);

/**
 * @param {string | null} displayName null: none, the user name is shown
 * @returns {Promise<User>}
 */
export const setDisplayName = (displayName) => withFields("PATCH", "/api/auth_user", { displayName }).then(json);

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

/** @returns {Promise<Session[]>} latest seen first */
export const sessions = () => get("/api/sessions").then(json);

/** @param {string} id */
export const endSession = (id) => ask(`/api/sessions/${id}`, { method: "DELETE" });

export const endOtherSessions = () => ask("/api/sessions", { method: "DELETE" });
