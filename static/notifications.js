/**
 * Shows a notification for each message that the user is not looking at: one, even with several open tabs.
 *
 * Every tab gets every message. The tab that leads the stream shows the notification at once. The others check a
 * little later whether it was shown (notified.js), because the leader may have ended. Each tab holds a shared lock
 * for the conversation that the user looks at. The locks of a tab end with it.
 */

import { avatarPath } from "./components/avatar.js";
import { isCountable, mentions } from "./state/conversations.js";
import { isLookedAt, whilePresent } from "./lib/presence.js";
import { compareIds } from "./lib/ids.js";
import { read, write } from "./lib/storage.js";
import { beginning } from "./lib/pieces.js";
import { Notified } from "./notified.js";
import { words } from "./words.js";
import { authorOf, nameOfConversation } from "./lib/names.js";

/** @typedef {import("./types.js").FeedEvent} FeedEvent */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {FeedEvent & {name: "message"}} MessageEvent */
/**
 * "ask": the browser has not asked the user yet; "blocked": the user has refused.
 * @typedef {"missing" | "ask" | "blocked" | "on" | "off"} Status
 * @typedef {{userId: string, conversationId: string, messageId: string, path: string}} Place
 */

const FOLLOWING_MILLISECONDS = 1500; // longer than the leader needs
const PAUSE_MILLISECONDS = 1000; // messages within this time are notified together
const MOST_AT_ONCE = 3; // of one conversation; more become one notification with a number
const LONGEST_BODY = 200; // characters, more than any system shows
const ICON = "/icons/192.png";

export class Notifications {
  /** Whether a message has arrived out of sight, and the user has not decided about notifications yet. */
  offered = false;
  #userId;
  #store;
  #navigate;
  #here;
  #leads;
  #signal;
  #setting;
  #looking;
  #notified;
  /**
   * A cached value: reading it calls another process, which is too slow for each event.
   * @type {NotificationPermission | undefined}
   */
  #permission;
  /** @type {MessageEvent[]} */
  #heard = [];
  #timer = 0;
  #working = false;
  /** @type {Set<Notification>} */
  #shown = new Set();
  /** @type {Set<() => void>} */
  #subscribers = new Set();

  /**
   * @param {string} userId
   * @param {object} given
   * @param {import("./store.js").Store} given.store
   * @param {(path: string) => void} given.navigate
   * @param {() => string | undefined} given.here the conversation that is open here
   * @param {() => boolean} given.leads whether this tab leads the stream
   * @param {AbortSignal} given.signal
   */
  constructor(userId, { store, navigate, here, leads, signal }) {
    this.#userId = userId;
    this.#store = store;
    this.#navigate = navigate;
    this.#here = here;
    this.#leads = leads;
    this.#signal = signal;
    this.#setting = `messenger.notifications.${userId}`;
    this.#looking = `messenger.looking.${userId}.`;
    this.#notified = new Notified(userId);
    if (this.status === "missing") return;
    whilePresent((present) => this.#tellWhereOneLooks(present), signal);
    addEventListener("storage", ({ key }) => key === this.#setting && this.#changed(), { signal });
    navigator.permissions
      ?.query({ name: "notifications" })
      .then((permission) => permission.addEventListener("change", () => this.#changed(), { signal }), () => {});
    addEventListener("focus", () => (this.#permission = undefined), { signal }); // the user may have changed the settings
    // From sw.js, after a click on a notification.
    const go = (/** @type {globalThis.MessageEvent} */ { data }) => data?.type === "go" && this.#navigate(data.path);
    navigator.serviceWorker?.addEventListener("message", go, { signal });
  }

  /** @returns {Status} */
  get status() {
    // Browsers without locks (over http:// to another machine) have no notifications either.
    if (!("Notification" in globalThis) || !navigator.locks) return "missing";
    this.#permission ??= Notification.permission;
    if (this.#permission === "denied") return "blocked";
    if (read(this.#setting) === "off") return "off";
    return this.#permission === "granted" ? "on" : "ask";
  }

  /** Call this on a user gesture: browsers ask for the permission at no other time. */
  async turnOn() {
    write(this.#setting, "on");
    if (Notification.permission === "default") await Notification.requestPermission();
    this.#changed();
  }

  turnOff() {
    write(this.#setting, "off");
    this.#changed();
  }

  /**
   * Calls `subscriber` now and at each change, until `signal` aborts.
   * @param {() => void} subscriber
   * @param {AbortSignal} signal
   */
  subscribe(subscriber, signal) {
    this.#subscribers.add(subscriber);
    signal.addEventListener("abort", () => this.#subscribers.delete(subscriber));
    subscriber();
  }

  /** @param {FeedEvent} event after the store has been told */
  hear(event) {
    this.#closeAfter(event);
    if (event.name !== "message" || !this.#isTold(event.data)) return;
    if (this.status === "ask" && !isLookedAt() && !this.offered) this.#offer();
    if (this.status !== "on") return;
    this.#heard.push(event);
    if (this.#leads()) this.#work();
    else this.#timer ||= setTimeout(() => this.#work(), FOLLOWING_MILLISECONDS);
  }

  /** Whether a message has a notification, by its kind and the setting of its conversation. @param {Message} message */
  #isTold(message) {
    const { notify = "all" } = this.#entry(message.conversationId) ?? {};
    if (!isCountable(message) || notify === "none") return false;
    return notify === "all" || mentions(message, this.#userId);
  }

  /** Removes all notifications at a sign-out. */
  async clear() {
    this.closeOwn();
    for (const notification of await this.#open()) notification.close();
    await this.#notified.clear();
  }

  /** Closes the notifications of this page, which no other page can find. */
  closeOwn() {
    for (const notification of this.#shown) notification.close();
  }

  #offer() {
    import("./components/notification-offer.js"); // few users see it
    this.offered = true;
    this.#changed();
  }

  #changed() {
    this.#permission = undefined;
    if (this.status !== "ask") this.offered = false;
    for (const subscriber of [...this.#subscribers]) subscriber();
  }

  async #work() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#working) return;
    this.#working = true;
    while (this.#heard.length > 0 && !this.#signal.aborted) {
      await this.#tell(this.#heard.splice(0)).catch(console.error);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
    }
    this.#working = false;
  }

  /** @param {MessageEvent[]} events */
  async #tell(events) {
    const news = (await this.#notified.claim(events)).map(({ data }) => data);
    const lookedAt = await this.#lookedAt();
    const untold = news.filter((message) => !lookedAt.has(message.conversationId) && !this.#isRead(message));
    for (const [conversationId, messages] of Map.groupBy(untold, (message) => message.conversationId)) {
      if (messages.length > MOST_AT_ONCE) await this.#show(messages.slice(-1), conversationId, messages.length);
      else await this.#show(messages, conversationId);
    }
  }

  /**
   * @param {Message[]} messages
   * @param {string} conversationId
   * @param {number} [count] the number of messages that the last one stands for
   */
  async #show(messages, conversationId, count) {
    const conversation = this.#entry(conversationId);
    const name = conversation ? nameOfConversation(conversation) : words.name;
    const icon = avatarPath(conversation?.otherParticipant) ?? ICON;
    for (const message of messages) {
      const { id } = message;
      /** @type {Place} */
      const data = { userId: this.#userId, conversationId, messageId: id, path: `/conversations/${conversationId}` };
      const tag = count ? `messenger conversation ${conversationId}` : `messenger message ${id}`;
      const title = count ? words.notifications.many(name, count) : name;
      const author = message.author ? words.conversations.by(authorOf(message, conversation)) : "";
      const body = author + beginning(message.content, LONGEST_BODY);
      await this.#notify(title, { body, tag, icon, dir: "auto", data });
    }
  }

  /**
   * Uses the service worker if there is one: phones require it, and a click can open the page again.
   * @param {string} title
   * @param {NotificationOptions & {data: Place}} options
   */
  async #notify(title, options) {
    const registration = await navigator.serviceWorker?.getRegistration();
    if (registration?.active) return registration.showNotification(title, options);
    const notification = new Notification(title, options);
    this.#shown.add(notification);
    notification.addEventListener("close", () => this.#shown.delete(notification));
    notification.addEventListener("click", () => {
      focus();
      this.#navigate(options.data.path);
      notification.close();
    });
  }

  /**
   * Closes notifications of messages that were read or deleted, here or on another device, and of a group that the user
   * has left.
   * @param {FeedEvent} event
   */
  #closeAfter({ name, data }) {
    if (name === "gone") this.#close(data.conversationId, () => true);
    else if (name === "change" && data.message.deletedAt) this.#close(data.message.conversationId, (id) => id === data.message.id);
    else if (name === "read" && data.userId === this.#store.state.me?.id) {
      this.#close(data.conversationId, (id) => compareIds(id, data.lastReadMessageId) <= 0);
    }
  }

  /**
   * @param {string} conversationId
   * @param {(messageId: string) => boolean} isOver
   */
  async #close(conversationId, isOver) {
    if (this.status !== "on") return;
    for (const notification of await this.#open()) {
      const { data } = notification;
      if (data.conversationId === conversationId && isOver(data.messageId)) notification.close();
    }
  }

  async #open() {
    const registration = await navigator.serviceWorker?.getRegistration();
    const kept = (await registration?.getNotifications?.()) ?? [];
    return [...this.#shown, ...kept.filter(({ tag }) => tag.startsWith("messenger "))];
  }

  /** @param {Message} message */
  #isRead({ id, conversationId }) {
    const upTo = this.#entry(conversationId)?.lastReadMessageId;
    return Boolean(upTo) && compareIds(id, upTo ?? "") <= 0;
  }

  /** @param {string} id */
  #entry(id) {
    return this.#store.state.entries?.find(({ conversation }) => conversation.id === id)?.conversation;
  }

  /** The conversations that the user looks at in any tab. */
  async #lookedAt() {
    const { held = [] } = await navigator.locks.query();
    const names = held.map(({ name = "" }) => name).filter((name) => name.startsWith(this.#looking));
    return new Set(names.map((name) => name.slice(this.#looking.length)));
  }

  /** @param {AbortSignal} present */
  #tellWhereOneLooks(present) {
    let before = "";
    let release = () => {};
    const look = () => {
      const here = isLookedAt() && !present.aborted ? (this.#here() ?? "") : "";
      if (here === before) return;
      before = here;
      release();
      if (here) release = held(this.#looking + here);
    };
    for (const name of ["focus", "blur", "popstate"]) addEventListener(name, look, { signal: present });
    document.addEventListener("visibilitychange", look, { signal: present });
    present.addEventListener("abort", look);
    look();
  }
}

/**
 * Takes a shared lock.
 * @param {string} name
 * @returns {() => void} releases it
 */
function held(name) {
  const end = new AbortController();
  const until = () => new Promise((resolve) => end.signal.addEventListener("abort", resolve));
  navigator.locks.request(name, { mode: "shared" }, () => (end.signal.aborted ? undefined : until())).catch(() => {});
  return () => end.abort();
}
