/**
 * <messenger-app></messenger-app>: the whole page. It knows the user and the current place, and runs the stream.
 * This module loads what showing a conversation needs; writing.js and later.js load afterwards.
 */

import * as api from "./api.js";
import { make } from "./components/context.js";
import "./components/conversation-list.js";
import "./components/conversation-view.js";
import { action, nothingChosen, nothingHere, notice } from "./components/notice.js";
import { backoff, pause, retryNow } from "./lib/backoff.js";
import { el } from "./lib/dom.js";
import { placeAt, WHO } from "./lib/ids.js";
import { Store } from "./store.js";
import { words } from "./words.js";

/** @typedef {import("./components/context.js").Context} Context */
/** @typedef {import("./types.js").State} State */

/** Views beside the list, which later.js defines. @type {Record<string, string>} */
const VIEWS = { "/settings": "settings-view", "/sessions": "sessions-view", "/groups/new": "new-group", "/access": "failed-sign-in" };
const AWAY_MILLISECONDS = 1500; // without an answer: then the page shows what was seen last
const CLEAR_MILLISECONDS = 1000; // a sign-out waits no longer for the browser's storage
const RECOUNT_PAUSE_MILLISECONDS = 2000;
const UNKNOWN_PAUSE_MILLISECONDS = 3000; // before fetching a conversation again after a failure
const TYPING_MILLISECONDS = 6000; // someone counts as typing for so long
const LONGEST_TRAIL = 50; // places in the history state

class MessengerApp extends HTMLElement {
  #store = new Store();
  #ended = new AbortController();
  /** @type {import("./shared-stream.js").SharedStream | null} */
  #stream = null;
  /** @type {PromiseWithResolvers<import("./notifications.js").Notifications>} resolved when later.js has loaded */
  #notifications = Promise.withResolvers();
  #fetching = new Set();
  #isCounting = false;
  #signingOut = false;
  /** @type {Promise<typeof import("./session.js") | null>} */
  #writing = Promise.resolve(null);
  #isAway = false; // the server has not answered which user this is
  #isOpen = false; // the elements for a signed-in user are there
  #path = location.pathname;
  /** @type {{clear: () => Promise<void>}[]} the user's data in this browser */
  #kept = [];
  /** @type {Context} */
  #context = {
    store: this.#store,
    drafts: /** @type {any} */ (null), // these four belong to the signed-in user
    writing: /** @type {any} */ (null),
    outbox: /** @type {any} */ (null),
    intents: null,
    notifications: this.#notifications.promise,
    navigate: (path) => this.#navigate(path),
    signedIn: (user) => this.#signedIn(user),
    signOut: () => this.#signOut(),
    refused: (error) => this.#refused(error),
  };

  connectedCallback() {
    const options = { signal: this.#ended.signal };
    addEventListener("popstate", () => this.#moved(), options);
    this.addEventListener("click", (event) => this.#follow(event), options);
    this.#store.subscribe((state) => this.#fetchUnknown(state), this.#ended.signal);
    this.#store.subscribe(({ recount }) => recount && this.#recount(), this.#ended.signal);
    this.#attend();
    this.#begin();
  }

  /** Keeps the focus in the page, and the unread count in its title. */
  async #attend() {
    const { signal } = this.#ended;
    const later = await Promise.all([import("./lib/focus.js"), import("./unread.js")]).catch(() => null);
    if (!later) return; // #listen imports later.js, too, and reloads the page
    const [{ keepFocus }, { showUnread }] = later;
    keepFocus(this, signal);
    showUnread(this.#store, signal);
  }

  disconnectedCallback() {
    this.#ended.abort();
    this.#stream?.close();
  }

  /** Asks for the user until the server answers. */
  async #begin() {
    pause(AWAY_MILLISECONDS, this.#ended.signal).then(() => this.#showLastSeen());
    const user = await this.#insist(api.authUser);
    if (user) this.#signedIn(user);
  }

  /** Without an answer from the server, shows what the user saw last, and unsent messages. */
  async #showLastSeen() {
    if (this.#isAway || this.#isDecided) return;
    this.#isAway = true;
    const seen = await import("./last-seen.js").then(({ readLastSeen }) => readLastSeen()).catch(() => null);
    if (this.#isDecided) return;
    if (!seen) return this.replaceChildren(unreachable());
    this.#store.dispatch({ type: "last seen", seen });
    this.#open(seen.user);
  }

  get #isDecided() {
    return this.#ended.signal.aborted || this.#store.state.me !== undefined;
  }

  /** @param {import("./types.js").User} user */
  async #signedIn(user) {
    const { me } = this.#store.state;
    if (me && me.id !== user.id) {
      this.#leave(); // the page shows another user's data
      return;
    }
    this.#store.dispatch({ type: "signed in", user });
    this.#open(user);
    const listed = this.#list();
    const session = await this.#writing;
    const position = await listed;
    if (session && position) this.#listen(user.id, position, session);
  }

  /**
   * Sets up what this user needs, once: a second time would overwrite what other tabs have announced since.
   * @param {import("./types.js").User} user
   */
  #open(user) {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const { signal } = this.#ended;
    addEventListener("storage", ({ key, newValue }) => key === WHO && newValue !== user.id && this.#leave(), { signal });
    api.writeAs(user.id);
    this.#draw();
    this.#writing = this.#beginToWrite(user);
    this.#context.writing = this.#writing;
  }

  /** Loads the list. Returns the position where the stream starts; older snapshots are fetched again. */
  async #list() {
    const snapshot = await this.#insist(() => api.conversations());
    if (!snapshot) return null;
    this.#store.dispatch({ type: "listening", position: snapshot.position });
    this.#store.dispatch({ type: "conversations", snapshot, older: false });
    return snapshot.position;
  }

  /**
   * Loads the drafts, which the composer shows at once, and then the outbox. The user can write only after that, so that
   * no message is lost.
   * @param {import("./types.js").User} user
   */
  async #beginToWrite(user) {
    const drafting = await this.#later(import("./drafts.js"));
    if (!drafting) return null;
    const drafts = new drafting.Drafts(user.id, this.#ended.signal);
    this.#kept.push(drafts);
    this.#context.drafts = drafts;
    const writing = await this.#later(import("./writing.js"));
    if (!writing) return null;
    const { Intents, Outbox, session } = writing;
    const { refused } = this.#context;
    session.keep(user, refused, this.#ended.signal);
    const outbox = new Outbox(user.id, this.#store, refused, this.#ended.signal);
    this.#kept.push(outbox);
    this.#context.outbox = outbox;
    const intents = new Intents(user.id, this.#store, refused, this.#ended.signal);
    this.#kept.push(intents);
    this.#context.intents = intents;
    return session;
  }

  /**
   * @param {string} userId
   * @param {string} position
   * @param {typeof import("./session.js")} session
   */
  async #listen(userId, position, session) {
    const modules = Promise.all([import("./shared-stream.js"), import("./notifications.js"), import("./last-seen.js"), import("./traces.js"), import("./polling.js"), import("./later.js")]);
    const later = await this.#later(modules);
    if (!later) return;
    const [{ SharedStream }, { Notifications }, { LastSeen }, { takeBack }, { pollWhileNotLive }] = later;
    takeBack(userId);
    const lastSeen = new LastSeen(userId);
    lastSeen.keep(this.#store, this.#ended.signal);
    const notifications = new Notifications(userId, {
      store: this.#store,
      navigate: this.#context.navigate,
      here,
      leads: () => this.#stream?.leads ?? true,
      signal: this.#ended.signal,
    });
    this.#stream = new SharedStream(userId, position, {
      event: (event) => {
        this.#store.dispatch(event);
        notifications.hear(event);
      },
      connection: (status, version) => this.#store.dispatch({ type: "connection", status, version }),
      typing: (typing) => this.#store.dispatch({ type: "typing", typing, until: Date.now() + TYPING_MILLISECONDS }),
      reset: (position) => this.#reset(position),
      isStill: () => session.isStill(userId) || this.#leave(),
      mayGoOn: () => this.#mayGoOn(),
    });
    this.#kept.push(notifications, lastSeen);
    this.#ended.signal.addEventListener("abort", () => this.#signingOut || notifications.closeOwn());
    this.#notifications.resolve(notifications);
    const { refused } = this.#context;
    pollWhileNotLive({ store: this.#store, here, refused, signal: this.#ended.signal });
  }

  /**
   * Resolves with the module; with null if the page was left, or a missing module makes it reload.
   * @template T
   * @param {Promise<T>} module
   * @returns {Promise<T | null>}
   */
  async #later(module) {
    const found = await module.catch(() => null);
    if (found === null) this.#startAgain();
    return this.#ended.signal.aborted ? null : found;
  }

  /** Reloads the page when the server answers, because a module could not be loaded. */
  async #startAgain() {
    await pause(backoff(1), this.#ended.signal);
    await this.#insist(api.authUser);
    this.#leave();
  }

  /**
   * Drops the state. The elements on the screen then fetch new snapshots.
   * @param {string} position
   */
  async #reset(position) {
    this.#store.dispatch({ type: "listening", position });
    const snapshot = await this.#insist(() => api.conversations());
    if (snapshot) this.#store.dispatch({ type: "conversations", snapshot, older: false });
  }

  /**
   * Repeats a request until it succeeds. Resolves with null if the session ended or the object is not found.
   * @template T
   * @param {() => Promise<T>} ask
   * @returns {Promise<T | null>}
   */
  async #insist(ask) {
    for (let failures = 1; !this.#ended.signal.aborted; failures += 1) {
      try {
        return await ask();
      } catch (error) {
        this.#refused(error);
        if (!(error instanceof api.ApiProblem) || isSignedOut(error)) return null;
        if (error.code === "not_found") return null; // any other error may pass, and the page says that it tries again
        await pause(backoff(failures), this.#ended.signal);
      }
    }
    return null;
  }

  /** After a refusal of the stream, checks whether the same user is still signed in. */
  async #mayGoOn() {
    try {
      const user = await api.authUser();
      if (user.id !== this.#store.state.me?.id) this.#leave();
    } catch (error) {
      this.#refused(error);
    }
    return !this.#ended.signal.aborted;
  }

  /**
   * Fetches conversations that events mention and the list lacks.
   * @param {State} state
   */
  #fetchUnknown(state) {
    for (const id of state.unknown.filter((id) => !this.#fetching.has(id))) this.#fetch(id);
  }

  /** Fetches a conversation, again if the answer was older than a reset. @param {string} id */
  async #fetch(id) {
    this.#fetching.add(id);
    const snapshot = await this.#insist(() => api.conversation(id));
    if (snapshot) this.#store.dispatch({ type: "conversation", snapshot });
    await pause(UNKNOWN_PAUSE_MILLISECONDS, this.#ended.signal);
    this.#fetching.delete(id);
    if (snapshot && !this.#ended.signal.aborted) this.#fetchUnknown(this.#store.state);
  }

  /** Counts unread messages beyond the list again, at most once in a pause. */
  async #recount() {
    if (this.#isCounting) return;
    this.#isCounting = true;
    const snapshot = await this.#insist(() => api.conversations());
    if (snapshot) this.#store.dispatch({ type: "unread total", snapshot });
    await pause(RECOUNT_PAUSE_MILLISECONDS, this.#ended.signal);
    this.#isCounting = false;
    if (this.#store.state.recount && !this.#ended.signal.aborted) this.#recount();
  }

  /**
   * Opens the access page if the session has ended. The element that asked shows any other error.
   * @param {unknown} error
   */
  #refused(error) {
    const { me } = this.#store.state;
    if (isOtherUser(error)) this.#leave();
    else if (!isSignedOut(error)) this.#showLastSeen();
    else if (me) this.#signedOut();
    else {
      endSession();
      takeBackAll();
      this.#store.dispatch({ type: "signed out" });
      this.#draw();
    }
  }

  /** Another tab or device has ended the session. */
  async #signedOut() {
    if (this.#ended.signal.aborted || this.#signingOut) return;
    this.#ended.abort();
    await inTime(Promise.allSettled([endSession(), takeBackAll()]));
    this.#reload();
  }

  async #signOut() {
    await this.#context.writing; // its data must be cleared as well
    if (this.#ended.signal.aborted) return;
    this.#signingOut = true;
    try {
      await api.logout();
    } catch (error) {
      this.#signingOut = false;
      if (isOtherUser(error)) this.#leave();
      if (!isSignedOut(error)) throw error;
    }
    this.#ended.abort(); // so that no part stores anything after this
    await endSession(); // the other tabs stop as well
    await inTime(Promise.allSettled([...this.#kept.map((kept) => kept.clear()), takeBackAll()]));
    history.replaceState(null, "", "/"); // the next user should not start at the settings
    this.#reload();
  }

  /** Reloads the page, so that no data of this user stays in memory. */
  #leave() {
    if (this.#ended.signal.aborted || this.#signingOut) return false; // the sign-out clears the data first
    this.#ended.abort();
    this.#reload();
    return false;
  }

  #reload() {
    this.#stream?.close();
    location.reload();
  }

  /** @param {string} path */
  #navigate(path) {
    const from = location.pathname;
    if (path !== from) history.pushState({ trail: [...trail(), from].slice(-LONGEST_TRAIL) }, "", path);
    dispatchEvent(new PopStateEvent("popstate")); // tells all listeners, as a step back in the history does
  }

  /**
   * Handles links to places in the page without loading the page again.
   * @param {MouseEvent} event
   */
  #follow(event) {
    const link = event.target instanceof Element ? event.target.closest("a[href^='/']") : null;
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    const path = link?.getAttribute("href");
    if (!path || !plain || path.startsWith("/api/") || event.defaultPrevented) return;
    event.preventDefault();
    const steps = link?.classList.contains("back") ? trail().toReversed().indexOf(path) + 1 : 0;
    if (steps > 0) history.go(-steps); // otherwise the browser's back button would return here
    else this.#navigate(path);
  }

  #moved() {
    const from = this.#path;
    this.#path = location.pathname;
    this.#draw();
    this.#focus(from);
  }

  /**
   * Moves the focus to the new place, or back to where it was, for users of a keyboard or a screen reader.
   * @param {string} from
   */
  #focus(from) {
    if (this.querySelector("main, conversation-view")?.contains(document.activeElement)) return;
    const back = this.#path === "/" ? this.querySelector(`conversation-list a[href="${CSS.escape(from)}"]`) : null;
    const place = back ?? this.querySelector("main h1");
    if (place instanceof HTMLElement) place.focus({ preventScroll: back === null });
  }

  #draw() {
    const { me } = this.#store.state;
    if (me === undefined) return;
    if (me) this.#drawPlace();
    else this.#drawAccess();
  }

  /** Loads the access page first: the server preloads its module for a browser without a session. */
  #drawAccess() {
    this.replaceChildren(make("access-page", { context: this.#context }));
    this.#later(import("./components/access-page.js"));
  }

  /** Replaces the view beside the list, unless it is there already. */
  #drawPlace() {
    const { conversationId: id, details } = placeAt(location.pathname);
    const view = details ? "group-details" : "conversation-view";
    const home = location.pathname === "/";
    const layout = this.querySelector(".layout") ?? el("div", {}, this.#side(), nothingChosen());
    layout.className = home ? "layout at-home" : "layout";
    if (!layout.isConnected) this.replaceChildren(layout);
    const shown = layout.children[1];
    if (id && shown.localName === view && shown.getAttribute("data-conversation") === id) return;
    shown.replaceWith(id ? this.#conversation(id, view) : this.#otherPlace());
  }

  #otherPlace() {
    const { pathname } = location;
    const view = VIEWS[pathname];
    if (view) return make(view, { context: this.#context });
    return pathname === "/" ? nothingChosen() : nothingHere();
  }

  #side() {
    const brand = el("a", { href: "/" }, el("img", { src: "/favicon.svg", alt: "" }), words.name);
    const given = (/** @type {string} */ name) => make(name, { context: this.#context });
    const head = el("header", { class: "brand" }, brand, given("connection-line"), given("notification-bell"));
    const parts = ["new-conversation", "conversation-list", "notification-offer", "release-offer", "account-bar"].map(given);
    return el("div", { class: "sidebar" }, head, ...parts);
  }

  /**
   * @param {string} id
   * @param {string} name of the element
   */
  #conversation(id, name) {
    const view = make(name, { context: this.#context, conversationId: id });
    view.setAttribute("data-conversation", id);
    return view;
  }
}

/** The conversation whose messages are on the screen. */
const here = () => {
  const { conversationId, details } = placeAt(location.pathname);
  return details ? undefined : conversationId;
};

/** The places visited before, latest last. @returns {string[]} */
const trail = () => history.state?.trail ?? [];

/** Tells the other tabs. */
const endSession = () => import("./session.js").then(({ end }) => end(), () => {});

/** Removes all user data outside of the page: notifications, the number on the icon, databases. */
const takeBackAll = () => import("./traces.js").then(({ takeBack }) => takeBack(null)).catch(() => {});

/**
 * Resolves when `work` ends, or after `CLEAR_MILLISECONDS`.
 * @param {Promise<unknown>} work
 */
const inTime = (work) => Promise.race([work, pause(CLEAR_MILLISECONDS)]);

const unreachable = () => notice(words.retrying.title, words.retrying.sentence, action(words.connection.retry, retryNow));

/** @param {unknown} error */
const isOtherUser = (error) => error instanceof api.ApiProblem && error.isOtherUser;

/** @param {unknown} error */
const isSignedOut = (error) => error instanceof api.ApiProblem && error.status === 401;

customElements.define("messenger-app", MessengerApp);
