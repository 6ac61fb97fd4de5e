/**
 * The session, which all tabs of a browser share like its cookie. This module renews the token. It also stops this tab
 * when another tab signs out, or signs in as another user.
 */

import * as api from "./api.js";
import { WHO } from "./lib/ids.js";
import { read, write } from "./lib/storage.js";
import { inTurn } from "./lib/turns.js";

const REFRESHED = "messenger.refreshed";
const DAY_MILLISECONDS = 24 * 3600 * 1000; // a token lives for 14 days
const LOOK_MILLISECONDS = 3600 * 1000;

/**
 * @param {import("./types.js").User} user the user that the server has just confirmed
 * @param {(error: unknown) => void} refused
 * @param {AbortSignal} signal
 */
export function keep(user, refused, signal) {
  write(WHO, user.id);
  const look = () => inTurn(REFRESHED, signal, refreshDaily).catch(refused);
  const timer = setInterval(look, LOOK_MILLISECONDS);
  signal.addEventListener("abort", () => clearInterval(timer));
  document.addEventListener("visibilitychange", look, { signal }); // timers stop while a machine sleeps
  addEventListener("online", look, { signal });
  look();
}

/**
 * Whether the cookie still belongs to this user, as far as other tabs have announced. A tab that wakes from sleep may
 * check before it gets their announcement.
 * @param {string} userId
 */
export const isStill = (userId) => (read(WHO) ?? userId) === userId;

/** Tells the other tabs. */
export const end = () => write(WHO, "");

async function refreshDaily() {
  const age = Date.now() - Number(read(REFRESHED));
  if (Math.abs(age) < DAY_MILLISECONDS) return; // a time in the future: the clock was wrong
  await api.refreshToken();
  write(REFRESHED, `${Date.now()}`);
}
