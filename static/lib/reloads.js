/**
 * Limits how often a tab reloads by itself: once for each version, and at most once in ten minutes. While servers of
 * several versions run, a tab would otherwise reload each time that it meets another one.
 */

const KEY = "messenger.reloads"; // in sessionStorage: of this tab, also after a reload
const APART_MILLISECONDS = 600_000;
const MOST_VERSIONS = 100;

/**
 * Whether the tab may reload for `version` now.
 * @param {string} version
 * @param {number} [now]
 */
export function mayReload(version, now = Date.now()) {
  const { versions, at } = noted();
  return !versions.includes(version) && Math.abs(now - at) >= APART_MILLISECONDS; // users can set the clock back
}

/**
 * Notes a reload for `version`. Returns false if it cannot be noted: then the tab must not reload by itself.
 * @param {string} version
 * @param {number} [now]
 */
export function noteReload(version, now = Date.now()) {
  const versions = [...noted().versions, version].slice(-MOST_VERSIONS);
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ versions, at: now }));
    return true;
  } catch {
    return false;
  }
}

/** @returns {{versions: string[], at: number}} */
function noted() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "") ?? never;
  } catch {
    return never;
  }
}

const never = { versions: [], at: -Infinity };
