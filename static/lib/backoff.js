/** How long to wait before the next try. */

const FIRST_MILLISECONDS = 1000;
const LONGEST_MILLISECONDS = 30_000;
const LONGEST_WATCHED_MILLISECONDS = 5000; // while somebody looks
const SHORTEST_MILLISECONDS = 250; // a server that refuses at once is not asked in a loop

/**
 * Milliseconds, after so many failures in a row. Full jitter: thousands that lost the same server
 * do not return in the same moment.
 * @param {number} failures
 * @param {() => number} [random] from 0 up to 1
 */
export function backoff(failures, random = Math.random) {
  const most = isWatched() ? LONGEST_WATCHED_MILLISECONDS : LONGEST_MILLISECONDS;
  const longest = Math.min(most, FIRST_MILLISECONDS * 2 ** (failures - 1));
  return Math.max(SHORTEST_MILLISECONDS, random() * longest);
}

/** Has all that waits for the next try, here, try now. */
export const retryNow = () => dispatchEvent(new Event(RETRY));

/** The event of the window that `retryNow` makes. */
export const RETRY = "retry";

const isWatched = () => globalThis.document?.visibilityState === "visible";

/**
 * Over after so many milliseconds; or at once when the network is back, somebody begins to look or asks for it, or `signal` aborts.
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const over = new AbortController();
    const end = () => {
      over.abort();
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    for (const event of ["online", RETRY]) addEventListener(event, end, { signal: over.signal });
    globalThis.document?.addEventListener("visibilitychange", () => isWatched() && end(), { signal: over.signal });
    signal?.addEventListener("abort", end, { signal: over.signal });
    if (signal?.aborted) end();
  });
}
