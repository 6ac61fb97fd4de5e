/** Runs work in one tab of a browser at a time. */

import { sharedLocks } from "./locks.js";

const PATIENCE_MILLISECONDS = 20_000; // the longest wait for a tab that does not finish

/**
 * Runs `work` when this tab gets the lock, until `signal` aborts. Another tab may sleep while it holds the lock, so a
 * tab that the user looks at steals it after a time. A tab that loses the lock, which aborts the signal of `work`, waits
 * again. So `work` may start more than once.
 *
 * If tabs cannot communicate, because the browser stores nothing, all of them run it at once.
 * @param {string} name
 * @param {AbortSignal} signal
 * @param {(signal: AbortSignal) => Promise<void>} work
 */
export async function inTurn(name, signal, work) {
  const locks = sharedLocks();
  if (!locks) return work(signal);
  for (let done = false, steal = false; !done && !signal.aborted; ) {
    const lost = new AbortController();
    const waiting = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MILLISECONDS)]);
    const turn = async () => {
      await work(AbortSignal.any([signal, lost.signal]));
      done = !lost.signal.aborted;
    };
    try {
      await locks.request(name, steal ? { steal } : { signal: waiting }, turn);
    } catch (error) {
      lost.abort();
      const cause = error instanceof DOMException ? error.name : "";
      if (cause !== "TimeoutError" && cause !== "AbortError") throw error;
      steal = cause === "TimeoutError" && document.visibilityState === "visible";
    }
  }
}
