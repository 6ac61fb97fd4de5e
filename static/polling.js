/**
 * Fetches what is on the screen every few seconds while no events arrive but the server answers. Some proxies buffer
 * a stream until it ends.
 */

import * as api from "./api.js";
import { pause } from "./lib/backoff.js";

const PAUSE_MILLISECONDS = 8000; // longer than most reconnections take

/**
 * @param {object} given
 * @param {import("./store.js").Store} given.store
 * @param {() => string | undefined} given.here the conversation on the screen
 * @param {(error: unknown) => void} given.refused
 * @param {AbortSignal} given.signal
 */
export async function pollWhileNotLive({ store, here, refused, signal }) {
  const isWanted = () => {
    const { connection, since } = store.state;
    return connection !== "live" && since !== "" && document.visibilityState === "visible" && !signal.aborted;
  };
  while (!signal.aborted) {
    await pause(PAUSE_MILLISECONDS, signal);
    if (!isWanted()) continue;
    try {
      await fetchAll(store, here());
      if (isWanted()) store.dispatch({ type: "polled" });
    } catch (error) {
      refused(error);
    }
  }
}

/**
 * @param {import("./store.js").Store} store
 * @param {string | undefined} conversationId
 */
async function fetchAll(store, conversationId) {
  const conversations = await api.conversations();
  store.dispatch({ type: "conversations", snapshot: conversations, older: false });
  if (!conversationId || !store.state.threads[conversationId]) return;
  const snapshot = await api.messages(conversationId);
  store.dispatch({ type: "messages", conversationId, snapshot, older: false });
}
