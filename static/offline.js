/** Registers sw.js, which stores the page for times when the server cannot be reached. */

/** @typedef {{createScriptURL: (url: string) => any}} Policy */

/** Makes the URL a trusted type, which the page's policy requires in browsers that support it. */
function trusted(/** @type {string} */ url) {
  const types = /** @type {{trustedTypes?: {createPolicy: (name: string, rules: Policy) => Policy}}} */ (globalThis).trustedTypes;
  return types?.createPolicy("service-worker", { createScriptURL: (url) => url }).createScriptURL(url) ?? url;
}

function register() {
  navigator.serviceWorker.register(trusted("/sw.js"), { updateViaCache: "none" }).catch(console.warn); // the page works without it
}

// After everything that the first visit needs. Browsers have it only over TLS, or from this machine.
if ("serviceWorker" in navigator) addEventListener("load", () => setTimeout(register), { once: true });
