/** How long to wait before the next try. */

const FIRST_MILLISECONDS = 1000;
const LONGEST_MILLISECONDS = 30_000;
const SHORTEST_MILLISECONDS = 250; // a server that refuses at once is not asked in a loop

/**
 * Milliseconds, after so many failures in a row. Full jitter: thousands that lost the same server
 * do not return in the same moment.
 * @param {number} failures
 * @param {() => number} [random] from 0 up to 1
 */
export function backoff(failures, random = Math.random) {
  const longest = Math.min(LONGEST_MILLISECONDS, FIRST_MILLISECONDS * 2 ** (failures - 1));
  return Math.max(SHORTEST_MILLISECONDS, random() * longest);
}

/**
 * Over after so many milliseconds, or at once when the network is back or `signal` aborts.
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
    addEventListener("online", end, { signal: over.signal });
    signal?.addEventListener("abort", end, { signal: over.signal });
    if (signal?.aborted) end();
  });
}
