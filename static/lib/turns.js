/** What only one tab of a browser does at a time. */

import { sharedLocks } from "./locks.js";

const PATIENCE_MILLISECONDS = 20_000; // with a tab that does not come to its end

/**
 * Does `work` when it is this tab's turn, until `signal` aborts. A tab may have fallen asleep in its
 * turn: somebody who looks at this one waits no longer than so. A tab that loses its turn, which the
 * signal that `work` is given tells, gets back into line: so `work` may be begun more than once.
 *
 * Where tabs cannot agree on anything, since the browser keeps nothing, all of them do it at once.
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
