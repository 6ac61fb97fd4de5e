/**
 * Removes what the page leaves outside of itself when the user's session ends: notifications, the number on its icon,
 * and stored data about what was seen last.
 */

import { PREFIX } from "./last-seen.js";
import { PREFIX as NOTIFIED } from "./notified.js";

/**
 * Removes the traces of all users except `userId`.
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
