/** Tells when the page is active, neither frozen nor in the back/forward cache, and when the user looks at it. */

/**
 * Calls `work` now, and each time that the page becomes active again. Its signal aborts when the page becomes inactive,
 * or with `signal`. An inactive page must hold no lock, stream or channel.
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

/**
 * Calls `change` with true before the page is printed, and with false afterwards.
 * @param {(isPrinted: boolean) => void} change
 * @param {AbortSignal} signal
 */
export function whilePrinted(change, signal) {
  addEventListener("beforeprint", () => change(true), { signal });
  addEventListener("afterprint", () => change(false), { signal });
  matchMedia("print").addEventListener("change", ({ matches }) => change(matches), { signal });
}

/** Whether the user looks at the page, as far as it can tell. */
export const isLookedAt = () => document.visibilityState === "visible" && document.hasFocus();

/**
 * Calls `act` when `isLookedAt` may have changed.
 * @param {() => void} act
 * @param {AbortSignal} signal
 */
export function whenLookedAt(act, signal) {
  addEventListener("focus", act, { signal });
  addEventListener("blur", act, { signal });
  document.addEventListener("visibilitychange", act, { signal });
}
