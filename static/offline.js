/** Has sw.js keep the page for when the server cannot be reached. */

/** @typedef {{createScriptURL: (url: string) => any}} Policy */

/** Browsers that know trusted types, which the page's policy asks for, take no plain string here. */
function trusted(/** @type {string} */ url) {
  const types = /** @type {{trustedTypes?: {createPolicy: (name: string, rules: Policy) => Policy}}} */ (globalThis).trustedTypes;
  return types?.createPolicy("service-worker", { createScriptURL: (url) => url }).createScriptURL(url) ?? url;
}

function register() {
  navigator.serviceWorker.register(trusted("/sw.js"), { updateViaCache: "none" }).catch(console.warn); // it works without
}

// After all that the first visit needs; and only where it is served safely: over TLS, or from this machine.
if ("serviceWorker" in navigator) addEventListener("load", () => setTimeout(register), { once: true });
