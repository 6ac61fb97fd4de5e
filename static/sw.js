/**
 * Caches the page, without any messages: index.html and the files that it names. It answers from the cache at once,
 * and updates the cache afterwards. It does not handle requests under /api/, /avatars/, /health/ and /metrics.
 *
 * Each release, identified by the ETag of the page, has a separate cache, which is complete or absent. A window keeps
 * the release that it began with, so that files of two releases are never mixed.
 */

/** @typedef {ExtendableEvent & {addRoutes?: (route: object) => Promise<void>}} Installed */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const SHELLS = "messenger-shell-2 "; // then its time and ETag; a new format gets the next number
const WINDOWS = "messenger-windows"; // a database with the release of each window: a worker loses its memory when it stops
const PAGE = "/";
const NAMED = /(?:href|src)="(\/[^"]+)"/g;
const NOT_OURS = /^\/(?:api|avatars|health|metrics)(?:\/|$)/;
const FILE = /\.(?:css|js|png|svg|webmanifest)$/;
const NEW_MILLISECONDS = 60_000; // a window that is loading is not listed yet

/** @type {Map<string, string>} the name of each window's cache */
const windows = new Map();
/** @type {Promise<void> | null} */
let renewing = null;

worker.addEventListener("install", (event) => event.waitUntil(install(event)));
worker.addEventListener("activate", (event) => event.waitUntil(takeOver()));
worker.addEventListener("fetch", (event) => {
  const key = keyOf(event.request);
  if (key === PAGE) event.respondWith(page(event));
  else if (key) event.respondWith(file(event, key));
});
worker.addEventListener("message", (event) => {
  // From release-offer.js, when it has met a server.
  if (event.data?.type === "renew") event.waitUntil(compare(event.data.version, /** @type {Client} */ (event.source)));
});
worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(lead(event.notification.data.path));
});

/** Installs the newest release. In browsers with static routing, requests under /api/ bypass the worker. @param {Installed} event */
async function install(event) {
  await event.addRoutes?.({ condition: { urlPattern: { pathname: "/api/*" } }, source: "network" });
  const answer = await asked(PAGE);
  if (!isOf(await newest(), answer)) await keep(answer);
  await worker.skipWaiting(); // any version of this worker can serve the existing caches
}

async function takeOver() {
  await worker.registration.navigationPreload?.disable(); // set by an earlier worker; this one does not wait for the network
  await worker.clients.claim();
  await tidy();
}

/**
 * The cache key of a request. All places in the page share one. Null for requests that this worker does not handle.
 * @param {Request} request
 */
function keyOf({ method, mode, url }) {
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== location.origin || NOT_OURS.test(pathname)) return null;
  if (FILE.test(pathname)) return pathname;
  return mode === "navigate" && !pathname.split("/").at(-1)?.includes(".") ? PAGE : null;
}

/** @param {FetchEvent} event */
async function page(event) {
  const shell = await newest();
  const kept = shell && (await (await caches.open(shell)).match(PAGE));
  if (!kept) return fetch(event.request);
  windows.set(event.resultingClientId, shell);
  event.waitUntil(note(event.resultingClientId, shell).then(renew));
  return kept;
}

/**
 * Answers from the release of the window. A window that was loaded from the network keeps using it while it can.
 * @param {FetchEvent} event
 * @param {string} key
 */
async function file(event, key) {
  const shell = await shellOf(event.clientId);
  const kept = shell && (await (await caches.open(shell)).match(key));
  if (kept) return kept;
  return fetch(event.request).catch(async (error) => {
    const last = await newest();
    const found = !shell && last && (await (await caches.open(last)).match(key));
    if (found) return found;
    throw error;
  });
}

/**
 * Checks for a newer release, unless the newest one here has the version of the window's server. Tells the window if it
 * shows another one.
 * @param {string | null} version
 * @param {Client} window
 */
async function compare(version, window) {
  const last = await newest();
  if (!version || releaseIn(last) !== version) return renew();
  const shell = await shellOf(window.id);
  if (shell && releaseIn(shell) !== version) window.postMessage(told(last));
}

/** Checks for a newer release, and caches it. Runs one check at a time. */
function renew() {
  renewing ??= look().finally(() => (renewing = null));
  return renewing;
}

/** Checks once. Changes nothing if the server cannot be reached, or answers something else. */
async function look() {
  try {
    const answer = await asked(PAGE);
    const shell = await newest();
    if (!isOf(shell, answer) && (await keep(answer)) && shell) await tell();
  } catch (error) {
    console.warn(error);
  }
  await tidy();
}

/**
 * Caches a release, completely or not at all. Requests the page again after its files, in case the server was updated
 * in between.
 * @param {Response} answer
 * @returns {Promise<boolean>} whether it is the page at all
 */
async function keep(answer) {
  const release = releaseOf(answer);
  const text = await answer.text();
  if (!text.includes("<messenger-app>")) return false; // from a captive portal
  const name = `${SHELLS}${Date.now()} ${release}`;
  const cache = await caches.open(name);
  try {
    const paths = [...new Set([...text.matchAll(NAMED)].map(([, path]) => path))];
    await Promise.all(paths.map(async (path) => cache.put(path, await asked(path))));
    const again = await asked(PAGE);
    if (releaseOf(again) !== release) throw new Error("The server was renewed meanwhile.");
    const headers = new Headers(again.headers);
    headers.delete("Link"); // its preloads are for one place only
    await cache.put(PAGE, new Response(text, { headers })); // last: it marks the cache as complete
  } catch (error) {
    await caches.delete(name);
    throw error;
  }
  return true;
}

/** @param {string} path */
async function asked(path) {
  const response = await fetch(path, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
}

/** The ETag of the page, independent of compression. Without an ETag, each answer is a new release. @param {Response} answer */
const releaseOf = ({ headers }) => headers.get("ETag")?.replaceAll(/^W\/|"|-gzip|\s/g, "") ?? `${Date.now()}`;

/**
 * @param {string | null} shell
 * @param {Response} answer
 */
const isOf = (shell, answer) => releaseIn(shell) === releaseOf(answer);

/** @param {string | null} shell */
const releaseIn = (shell) => shell?.split(" ").at(-1);

/** The message to a window that shows another release than `shell`. @param {string | null} shell */
const told = (shell) => ({ type: "release", version: releaseIn(shell) });

/** The newest complete release. */
async function newest() {
  for (const name of (await shells()).toReversed()) {
    if (await (await caches.open(name)).match(PAGE)) return name;
  }
  return null;
}

/** Earliest first. */
async function shells() {
  const names = (await caches.keys()).filter((name) => name.startsWith(SHELLS));
  return names.sort((a, b) => Number(a.split(" ")[1]) - Number(b.split(" ")[1]));
}

/** Tells the windows that there is a newer release. */
async function tell() {
  const last = await newest();
  for (const client of await worker.clients.matchAll({ type: "window" })) {
    if (releaseIn(await shellOf(client.id)) !== releaseIn(last)) client.postMessage(told(last));
  }
}

/** @param {string} id of a window; empty if it was loaded from the network */
async function shellOf(id) {
  const known = windows.get(id) ?? (await noted("readonly", (store) => store.get(id)))?.shell ?? "";
  windows.set(id, known);
  return known;
}

/**
 * @param {string} id
 * @param {string} shell
 */
const note = (id, shell) => noted("readwrite", (store) => store.put({ shell, since: Date.now() }, id));

/** Deletes the records of closed windows, and caches that no window uses. */
async function tidy() {
  const used = new Set([await newest()]);
  const ids = /** @type {string[]} */ ((await noted("readonly", (store) => store.getAllKeys())) ?? []);
  for (const id of ids) {
    const entry = await noted("readonly", (store) => store.get(id));
    const isNew = Date.now() - entry?.since < NEW_MILLISECONDS;
    if (isNew || (await worker.clients.get(id))) used.add(entry?.shell);
    else await noted("readwrite", (store) => store.delete(id));
  }
  for (const name of await caches.keys()) if (!used.has(name)) await caches.delete(name);
}

/**
 * Runs `ask` on the store of windows. Resolves with undefined if the browser stores nothing.
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest} ask
 * @returns {Promise<any>}
 */
async function noted(mode, ask) {
  try {
    const opening = indexedDB.open(WINDOWS, 1);
    opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore(WINDOWS));
    const database = await answerOf(opening);
    const found = await answerOf(ask(database.transaction(WINDOWS, mode).objectStore(WINDOWS)));
    database.close();
    return found;
  } catch (error) {
    console.warn(error);
  }
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
const answerOf = (request) =>
  new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });

/**
 * Opens a message, in the tab that was used last or in a new one.
 * @param {string} path
 */
async function lead(path) {
  const [tab] = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (!tab) return worker.clients.openWindow(path);
  tab.postMessage({ type: "go", path }); // notifications.js handles it
  return tab.focus();
}
