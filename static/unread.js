/**
 * How much is unread, told where one sees it without looking at the page: its title, its icon, and the
 * icon of the page that was installed as an application.
 */

import { placeAt } from "./lib/ids.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").State} State */

const MOST = 1000; // this many or more, as with the server's counts
const PAUSE_MILLISECONDS = 100; // what is read as it comes does not flash up
const MOST_ON_ICON = 9; // there is room for one digit

/**
 * All that is unread, in the list and beyond it; no more than 1000.
 * @param {{entries: State["entries"], unreadElsewhere?: number}} state
 */
export function unreadIn({ entries, unreadElsewhere = 0 }) {
  const sum = (entries ?? []).reduce((sum, { conversation }) => sum + conversation.unreadCount, unreadElsewhere);
  return Math.min(sum, MOST);
}

/**
 * @param {State} state
 * @param {string} path where one is
 */
export function titleOf(state, path) {
  const unread = unreadIn(state);
  const { conversationId } = placeAt(path);
  const open = state.me && state.entries?.find((entry) => entry.conversation.id === conversationId);
  const place = open ? `${open.conversation.otherParticipant.username} · ${words.name}` : words.name;
  if (unread === 0) return place;
  return `(${unread < MOST ? unread : `${MOST - 1}+`}) ${place}`;
}

/** @param {number} unread */
export const iconOf = (unread) =>
  unread === 0 ? "/favicon.svg" : `/icons/unread-${unread <= MOST_ON_ICON ? unread : "many"}.svg`;

/**
 * Keeps them right until `signal` aborts.
 * @param {import("./store.js").Store} store
 * @param {AbortSignal} signal
 */
export function showUnread(store, signal) {
  let timer = 0;
  const soon = () => {
    timer ||= setTimeout(() => {
      timer = 0;
      show(store.state);
    }, PAUSE_MILLISECONDS);
  };
  store.subscribe(soon, signal);
  addEventListener("popstate", soon, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
}

/** @param {State} state */
function show(state) {
  const title = titleOf(state, location.pathname);
  if (document.title !== title) document.title = title;
  const unread = unreadIn(state);
  const icon = document.querySelector("link[rel='icon'][type='image/svg+xml']");
  if (icon && icon.getAttribute("href") !== iconOf(unread)) icon.setAttribute("href", iconOf(unread));
  if (state.entries || state.me === null) showOnApplication(unread);
}

let shown = -1;

/** Not every browser has it, and those that do may refuse. @param {number} unread */
function showOnApplication(unread) {
  if (unread === shown || !("setAppBadge" in navigator)) return;
  shown = unread;
  navigator.setAppBadge(unread).catch(() => {}); // 0 takes it away
}
