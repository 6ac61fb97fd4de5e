/**
 * What the page leaves outside of itself: notifications on the screen, a number on its icon, and what was seen last in the
 * browser's storage. All of that goes when its user does, whichever way the session ended.
 */

import { PREFIX } from "./last-seen.js";
import { PREFIX as NOTIFIED } from "./notified.js";

/**
 * Takes back all of it but what is `userId`'s.
 * @param {string | null} userId
 */
export async function takeBack(userId) {
  if (userId === null && "setAppBadge" in navigator) navigator.setAppBadge(0).catch(() => {});
  await Promise.allSettled([closeNotifications(userId), deleteDatabases(userId)]);
}

/** @param {string | null} userId */
async function closeNotifications(userId) {
  const registration = await navigator.serviceWorker?.getRegistration();
  for (const notification of (await registration?.getNotifications?.()) ?? []) {
    if (userId === null || notification.data?.userId !== userId) notification.close();
  }
}

/** @param {string | null} userId */
async function deleteDatabases(userId) {
  const databases = (await indexedDB.databases?.()) ?? [];
  for (const { name = "" } of databases) {
    const prefix = [PREFIX, NOTIFIED].find((prefix) => name.startsWith(prefix));
    if (prefix && name !== `${prefix}${userId}`) indexedDB.deleteDatabase(name);
  }
}
