/**
 * The session that all tabs of a browser share, as they share its cookie: kept from growing old, and
 * when another tab signs out, or in as somebody else, this one does not go on under the wrong name.
 */

import * as api from "./api.js";
import { WHO } from "./lib/ids.js";
import { read, write } from "./lib/storage.js";
import { inTurn } from "./lib/turns.js";

const REFRESHED = "messenger.refreshed";
const DAY_MILLISECONDS = 24 * 3600 * 1000; // a token lives for 14 days
const LOOK_MILLISECONDS = 3600 * 1000;

/**
 * @param {import("./types.js").User} user who has just been seen to be signed in
 * @param {(error: unknown) => void} refused
 * @param {AbortSignal} signal
 */
export function keep(user, refused, signal) {
  write(WHO, user.id);
  const look = () => inTurn(REFRESHED, signal, refreshDaily).catch(refused);
  const timer = setInterval(look, LOOK_MILLISECONDS);
  signal.addEventListener("abort", () => clearInterval(timer));
  document.addEventListener("visibilitychange", look, { signal }); // timers stand still in sleep
  addEventListener("online", look, { signal });
  look();
}

/**
 * Whether the cookie that requests carry is still this user's, as far as the tabs have told each
 * other. A tab that wakes from sleep may look before it hears.
 * @param {string} userId
 */
export const isStill = (userId) => (read(WHO) ?? userId) === userId;

/** Tells the other tabs. */
export const end = () => write(WHO, "");

async function refreshDaily() {
  const age = Date.now() - Number(read(REFRESHED));
  if (Math.abs(age) < DAY_MILLISECONDS) return; // days in the future: the clock had been wrong
  await api.refreshToken();
  write(REFRESHED, `${Date.now()}`);
}
