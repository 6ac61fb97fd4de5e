/** localStorage, which may be switched off or full. */

/** @param {string} key */
export function read(key) {
  return kept()?.getItem(key) ?? null;
}

/**
 * Writes a value. Returns whether that succeeded.
 * @param {string} key
 * @param {string} value
 */
export function write(key, value) {
  try {
    localStorage.setItem(key, value);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} key */
export function remove(key) {
  kept()?.removeItem(key);
}

/** @param {string} prefix */
export const keysWith = (prefix) => Object.keys(kept() ?? {}).filter((key) => key.startsWith(prefix));

function kept() {
  try {
    return globalThis.localStorage;
  } catch {
    return null;
  }
}
