/**
 * The page ends above an on-screen keyboard, where a browser lays it over the page. Where it makes the page
 * smaller instead, as index.html asks for, nothing is covered and this does nothing.
 */

const ZOOMED = 1.01; // by fingers: then what is out of sight is not covered

function fit() {
  const { scale, height } = /** @type {VisualViewport} */ (visualViewport);
  const covered = scale > ZOOMED ? 0 : Math.max(0, Math.round(innerHeight - height));
  document.documentElement.style.setProperty("--covered", `${covered}px`);
  if (covered > 0) scrollTo(0, 0); // Safari moves the page up as well
}

visualViewport?.addEventListener("resize", fit);
