/** When the page runs: neither frozen, nor only kept for going back to. */

/**
 * Calls `work` now, and again each time that the page has been away and is back. What it is given
 * aborts when the page goes, or with `signal`: who goes must hold no lock, stream or channel.
 * @param {(signal: AbortSignal) => void} work
 * @param {AbortSignal} signal
 */
export function whilePresent(work, signal) {
  /** @type {AbortController | null} */
  let present = null;
  const come = () => {
    if (present || signal.aborted) return;
    present = new AbortController();
    work(present.signal);
  };
  const go = () => {
    present?.abort();
    present = null;
  };
  addEventListener("pagehide", go, { signal });
  addEventListener("pageshow", come, { signal });
  document.addEventListener("freeze", go, { signal });
  document.addEventListener("resume", come, { signal });
  signal.addEventListener("abort", go);
  come();
}
