/**
 * Shows the number of unread messages outside of the page: in its title, its icon, and the icon of the installed
 * application.
 */

import { placeAt } from "./lib/ids.js";
import { words } from "./words.js";
import { nameOfConversation } from "./lib/names.js";

/** @typedef {import("./types.js").State} State */

const MOST = 1000; // means 1000 or more, like the server's counts
const PAUSE_MILLISECONDS = 100; // a message that is read on arrival must not flash up
const MOST_ON_ICON = 9; // there is room for one digit

/**
 * The number of unread messages, in the list and beyond it, up to 1000.
 * @param {{entries: State["entries"], unreadElsewhere?: number}} state
 */
export function unreadIn({ entries, unreadElsewhere = 0 }) {
  const sum = (entries ?? []).reduce((sum, { conversation }) => sum + conversation.unreadCount, unreadElsewhere);
  return Math.min(sum, MOST);
}

/**
 * @param {State} state
 * @param {string} path of the current place
 */
export function titleOf(state, path) {
  const unread = unreadIn(state);
  const { conversationId } = placeAt(path);
  const open = state.me && state.entries?.find((entry) => entry.conversation.id === conversationId);
  const place = open ? `${nameOfConversation(open.conversation)} · ${words.name}` : words.name;
  if (unread === 0) return place;
  return `(${unread < MOST ? unread : `${MOST - 1}+`}) ${place}`;
}

/** @param {number} unread */
export const iconOf = (unread) =>
  unread === 0 ? "/favicon.svg" : `/icons/unread-${unread <= MOST_ON_ICON ? unread : "many"}.svg`;

/**
 * Keeps title and icons up to date until `signal` aborts.
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

/** Sets the badge of the application, if the browser allows it. @param {number} unread */
function showOnApplication(unread) {
  if (unread === shown || !("setAppBadge" in navigator)) return;
  shown = unread;
  navigator.setAppBadge(unread).catch(() => {}); // 0 removes it
}
