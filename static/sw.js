/**
 * Keeps the page itself, and nothing that anyone said: index.html and the files that it names. They come from here
 * at once, whatever the network is like, and are renewed behind that. What lies under /api/, /avatars/, /health/ and
 * /metrics never passes through here.
 *
 * A release, known by the ETag of the page, has a cache of its own, and is there as a whole or not at all. Each
 * window stays with the release that it began with: files of two are never mixed.
 */

/** @typedef {ExtendableEvent & {addRoutes?: (route: object) => Promise<void>}} Installed */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const SHELLS = "messenger-shell-2 "; // and when it came, and its ETag; another number where what is kept changes its shape
const WINDOWS = "messenger-windows"; // a database: the release of each, for when this worker has slept
const PAGE = "/";
const NAMED = /(?:href|src)="(\/[^"]+)"/g;
const NOT_OURS = /^\/(?:api|avatars|health|metrics)(?:\/|$)/;
const FILE = /\.(?:css|js|png|svg|webmanifest)$/;
const NEW_MILLISECONDS = 60_000; // a window that loads is not to be found among the others yet

/** @type {Map<string, string>} the name of the cache that a window has its files from */
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
  if (event.data?.type === "renew") event.waitUntil(renew()); // of offline.js: the server may be another one
});
worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(lead(event.notification.data.path));
});

/** Requests of the API need not even wake this worker, in browsers that can be told so. @param {Installed} event */
async function install(event) {
  await event.addRoutes?.({ condition: { urlPattern: { pathname: "/api/*" } }, source: "network" });
  const answer = await asked(PAGE);
  if (!isOf(await newest(), answer)) await keep(answer);
  await worker.skipWaiting(); // any worker serves the releases that are there as this one does
}

async function takeOver() {
  await worker.registration.navigationPreload?.disable(); // of an earlier worker: the network is not waited for
  await worker.clients.claim();
  await tidy();
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
 * Of the release that the window began with. One that came by way of the network goes on with it, while there is one.
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

/** Looks whether there is a newer release, and keeps it; one look at a time. */
function renew() {
  renewing ??= look().finally(() => (renewing = null));
  return renewing;
}

/** Where the server cannot be reached, or what it says is of no use, all stays as it is. */
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
 * All of a release or nothing. The page is asked for a second time when its files have come, since a server may have
 * been renewed in between.
 * @param {Response} answer
 * @returns {Promise<boolean>} whether it is the page at all
 */
async function keep(answer) {
  const release = releaseOf(answer);
  const text = await answer.text();
  if (!text.includes("<messenger-app>")) return false; // somebody else's: a network that wants one to sign in
  const name = `${SHELLS}${Date.now()} ${release}`;
  const cache = await caches.open(name);
  try {
    const paths = [...new Set([...text.matchAll(NAMED)].map(([, path]) => path))];
    await Promise.all(paths.map(async (path) => cache.put(path, await asked(path))));
    const again = await asked(PAGE);
    if (releaseOf(again) !== release) throw new Error("The server was renewed meanwhile.");
    const headers = new Headers(again.headers);
    headers.delete("Link"); // what was asked for with it belongs to one place and one time
    await cache.put(PAGE, new Response(text, { headers })); // at last: it tells that all is there
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

/** The ETag of the page, however it was packed on its way; without one, each is another. @param {Response} answer */
const releaseOf = ({ headers }) => headers.get("ETag")?.replaceAll(/^W\/|"|-gzip|\s/g, "") ?? `${Date.now()}`;

/**
 * @param {string | null} shell
 * @param {Response} answer
 */
const isOf = (shell, answer) => shell?.split(" ").at(-1) === releaseOf(answer);

/** The release that came last, of those that are there as a whole. */
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

/** Those that still show an older one may say so. */
async function tell() {
  const last = await newest();
  for (const client of await worker.clients.matchAll({ type: "window" })) {
    if ((await shellOf(client.id)) !== last) client.postMessage({ type: "release" });
  }
}

/** @param {string} id of a window; empty where it came by way of the network */
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

/** Lets go of windows that are gone, and of releases that none of the others shows. */
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
 * What `ask` asks of the store in which windows are noted; undefined where the browser keeps nothing.
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
 * To where a message is: in the tab that was looked at last, or in a new one.
 * @param {string} path
 */
async function lead(path) {
  const [tab] = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (!tab) return worker.clients.openWindow(path);
  tab.postMessage({ type: "go", path }); // which notifications.js listens for
  return tab.focus();
}
