/**
 * Keeps the page itself, and nothing that anyone said: index.html and the files that it names, so that it opens
 * where the server cannot be reached. The network comes first, so that nobody is shown an old page who could
 * have a new one; what lies under /api/, /avatars/, /health/ and /metrics never passes
 * through here.
 */

/** @typedef {FetchEvent & {preloadResponse?: Promise<Response | undefined>}} Asked */
/** @typedef {ExtendableEvent & {addRoutes?: (route: object) => Promise<void>}} Installed */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const SHELL = "messenger-shell-1"; // another name where what is kept changes its shape
const PAGE = "/";
const NAMED = /(?:href|src)="(\/[^"]+)"/g;
const NOT_OURS = /^\/(?:api|avatars|health|metrics)(?:\/|$)/;
const FILE = /\.(?:css|js|png|svg|webmanifest)$/;

worker.addEventListener("install", (event) => event.waitUntil(install(event)));
worker.addEventListener("activate", (event) => event.waitUntil(takeOver()));
worker.addEventListener("fetch", (event) => {
  const key = keyOf(event.request);
  if (key) event.respondWith(answer(event, key));
});
worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(lead(event.notification.data.path));
});

/** Requests of the API need not even wake this worker, in browsers that can be told so. @param {Installed} event */
async function install(event) {
  await event.addRoutes?.({ condition: { urlPattern: { pathname: "/api/*" } }, source: "network" });
  await keepShell(await fetch(PAGE, { cache: "no-cache" }));
  await worker.skipWaiting(); // a page works with this worker as with the one before: neither changes an answer
}

async function takeOver() {
  for (const name of await caches.keys()) if (name !== SHELL) await caches.delete(name);
  await worker.registration.navigationPreload?.enable(); // the page is on its way while this worker wakes
  await worker.clients.claim();
}

/**
 * Under what a request is kept: every place in the page is the page. Null for what is none of ours.
 * @param {Request} request
 */
function keyOf({ method, mode, url }) {
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== location.origin || NOT_OURS.test(pathname)) return null;
  if (FILE.test(pathname)) return pathname;
  return mode === "navigate" && !pathname.split("/").at(-1)?.includes(".") ? PAGE : null;
}

/**
 * @param {Asked} event
 * @param {string} key
 */
async function answer(event, key) {
  try {
    const response = (await event.preloadResponse) ?? (await fetch(event.request));
    if (response.ok) event.waitUntil(remember(key, response.clone()));
    if (response.status < 500) return response;
    return (await kept(key)) ?? response; // a proxy whose server is away
  } catch (error) {
    const response = await kept(key);
    if (response) return response;
    throw error;
  }
}

/**
 * To where a message is: in the tab that was looked at last, or in a new one.
 * @param {string} path
 */
async function lead(path) {
  const [tab] = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (!tab) return worker.clients.openWindow(path);
  tab.postMessage({ type: "go", path }); // which notifications.js listens for
  return tab.focus();
}

/** @param {string} key */
const kept = async (key) => (await caches.open(SHELL)).match(key);

/**
 * A new page has all that it names fetched anew; a file of the page is kept in place of an older one.
 * @param {string} key
 * @param {Response} response
 */
async function remember(key, response) {
  const before = await kept(key);
  if (before?.headers.get("ETag") === response.headers.get("ETag")) return;
  if (key === PAGE) await keepShell(response);
  else if (before) await (await caches.open(SHELL)).put(key, response);
}

/**
 * All of it or nothing, so that what is kept belongs together.
 * @param {Response} page
 */
async function keepShell(page) {
  const text = await page.text();
  if (!text.includes("<messenger-app>")) return; // somebody else's: a network that wants one to sign in
  const paths = new Set([...text.matchAll(NAMED)].map(([, path]) => path));
  const files = await Promise.all([...paths].map(fetched));
  const headers = new Headers(page.headers);
  headers.delete("Link"); // what was asked for with it belongs to one place and one time
  const cache = await caches.open(SHELL);
  for (const [path, file] of files) await cache.put(path, file);
  await cache.put(PAGE, new Response(text, { headers }));
  for (const { url } of await cache.keys()) {
    const { pathname } = new URL(url);
    if (pathname !== PAGE && !paths.has(pathname)) await cache.delete(url);
  }
}

/**
 * @param {string} path
 * @returns {Promise<[string, Response]>}
 */
async function fetched(path) {
  const response = await fetch(path, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return [path, response];
}
