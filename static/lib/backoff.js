/** Pauses between attempts: exponential backoff with full jitter. */

const FIRST_MILLISECONDS = 1000;
const LONGEST_MILLISECONDS = 30_000;
const LONGEST_WATCHED_MILLISECONDS = 5000; // while the user looks at the page
const SHORTEST_MILLISECONDS = 250; // prevents a busy loop if a server refuses at once

/**
 * Returns the pause in milliseconds after a number of failures in a row. Full jitter keeps thousands of clients of one
 * server from returning at the same moment.
 * @param {number} failures
 * @param {() => number} [random] from 0 up to 1
 */
export function backoff(failures, random = Math.random) {
  const most = isWatched() ? LONGEST_WATCHED_MILLISECONDS : LONGEST_MILLISECONDS;
  const longest = Math.min(most, FIRST_MILLISECONDS * 2 ** (failures - 1));
  return Math.max(SHORTEST_MILLISECONDS, random() * longest);
}

/** Ends all pauses in this page now. */
export const retryNow = () => dispatchEvent(new Event(RETRY));

/** The event that `retryNow` dispatches on the window. */
export const RETRY = "retry";

const isWatched = () => globalThis.document?.visibilityState === "visible";

/**
 * Resolves after the time; earlier if the network returns, the user looks at the page or retries, or `signal` aborts.
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
