/**
 * Ends the page above an on-screen keyboard, in browsers where the keyboard covers the page. Other browsers make the
 * page smaller, as index.html requests; then this does nothing.
 */

const ZOOMED = 1.01; // with a pinch zoom, parts are out of sight without a keyboard

function fit() {
  const { scale, height } = /** @type {VisualViewport} */ (visualViewport);
  const covered = scale > ZOOMED ? 0 : Math.max(0, Math.round(innerHeight - height));
  document.documentElement.style.setProperty("--covered", `${covered}px`);
  if (covered > 0) scrollTo(0, 0); // Safari moves the page up as well
}

visualViewport?.addEventListener("resize", fit);
