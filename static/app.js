/**
 * <messenger-app></messenger-app>: the whole page. Who is there, which place they are at, and the
 * one stream that keeps all of it up to date. What stands here is what a conversation is seen by; writing.js
 * and later.js come after it.
 */

import * as api from "./api.js";
import { make } from "./components/context.js";
import "./components/conversation-list.js";
import "./components/conversation-view.js";
import { action, nothingChosen, nothingHere, notice } from "./components/notice.js";
import { backoff, pause, retryNow } from "./lib/backoff.js";
import { el } from "./lib/dom.js";
import { keepFocus } from "./lib/focus.js";
import { placeAt, WHO } from "./lib/ids.js";
import { failure } from "./lib/sign-in-failure.js";
import { Store } from "./store.js";
import { Drafts } from "./drafts.js";
import { words } from "./words.js";

/** @typedef {import("./components/context.js").Context} Context */
/** @typedef {import("./types.js").State} State */

/** What stands beside the list, and comes with later.js. @type {Record<string, string>} */
const VIEWS = { "/settings": "settings-view", "/sessions": "sessions-view" };
const AWAY_MILLISECONDS = 1500; // without an answer: then what was seen last is shown meanwhile
const CLEAR_MILLISECONDS = 1000; // who signs out waits no longer for the browser's storage
const RECOUNT_PAUSE_MILLISECONDS = 2000;
const UNKNOWN_PAUSE_MILLISECONDS = 3000; // before asking again for a conversation that could not be fetched
const LONGEST_TRAIL = 50; // of the places that lead back

class MessengerApp extends HTMLElement {
  #store = new Store();
  #ended = new AbortController();
  /** @type {import("./shared-stream.js").SharedStream | null} */
  #stream = null;
  /** @type {PromiseWithResolvers<import("./notifications.js").Notifications>} they come with later.js */
  #notifications = Promise.withResolvers();
  #fetching = new Set();
  #isCounting = false;
  #signingOut = false;
  /** @type {Promise<typeof import("./session.js") | null>} */
  #writing = Promise.resolve(null);
  #isAway = false; // the server did not say who is there
  #isOpen = false; // there is what a user needs
  #path = location.pathname;
  /** @type {{clear: () => Promise<void>}[]} what is kept in the browser for who is signed in */
  #kept = [];
  /** @type {Context} */
  #context = {
    store: this.#store,
    drafts: /** @type {any} */ (null), // these three are a user's
    writing: /** @type {any} */ (null),
    outbox: /** @type {any} */ (null),
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
    keepFocus(this, this.#ended.signal);
    this.#showUnread();
    this.#begin();
  }

  async #showUnread() {
    const later = await import("./unread.js").catch(() => null);
    later?.showUnread(this.#store, this.#ended.signal);
  }

  disconnectedCallback() {
    this.#ended.abort();
    this.#stream?.close();
  }

  /** Asks until it is known who is there. */
  async #begin() {
    pause(AWAY_MILLISECONDS, this.#ended.signal).then(() => this.#showLastSeen());
    const user = await this.#insist(api.authUser);
    if (user) this.#signedIn(user);
  }

  /** The server is away: what this browser's user saw last, and what waits to be sent. */
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
      this.#leave(); // what was seen last is somebody else's
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
   * What this user needs to see and to write; once, since more would come late and write over what another tab has said meanwhile.
   * @param {import("./types.js").User} user
   */
  #open(user) {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const { signal } = this.#ended;
    addEventListener("storage", ({ key, newValue }) => key === WHO && newValue !== user.id && this.#leave(), { signal });
    api.writeAs(user.id);
    const drafts = new Drafts(user.id, signal);
    this.#kept.push(drafts);
    this.#context.drafts = drafts;
    this.#draw();
    this.#writing = this.#beginToWrite(user);
    this.#context.writing = this.#writing;
  }

  /** Answers with where the stream goes on from; what was fetched before it is asked for again. */
  async #list() {
    const snapshot = await this.#insist(() => api.conversations());
    if (!snapshot) return null;
    this.#store.dispatch({ type: "listening", position: snapshot.position });
    this.#store.dispatch({ type: "conversations", snapshot, older: false });
    return snapshot.position;
  }

  /**
   * Nobody can write before there is what keeps and sends it, so that no word is lost in between.
   * @param {import("./types.js").User} user
   */
  async #beginToWrite(user) {
    const writing = await this.#later(import("./writing.js"));
    if (!writing) return null;
    const { Outbox, session } = writing;
    const { refused } = this.#context;
    session.keep(user, refused, this.#ended.signal);
    const outbox = new Outbox(user.id, this.#store, refused, this.#ended.signal);
    this.#kept.push(outbox);
    this.#context.outbox = outbox;
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
      here: () => placeAt(location.pathname).conversationId,
      leads: () => this.#stream?.leads ?? true,
      signal: this.#ended.signal,
    });
    this.#stream = new SharedStream(userId, position, {
      event: (event) => {
        this.#store.dispatch(event);
        notifications.hear(event);
      },
      connection: (status) => this.#store.dispatch({ type: "connection", status }),
      reset: (position) => this.#reset(position),
      isStill: () => session.isStill(userId) || this.#leave(),
      mayGoOn: () => this.#mayGoOn(),
    });
    this.#kept.push(notifications, lastSeen);
    this.#ended.signal.addEventListener("abort", () => this.#signingOut || notifications.closeOwn());
    this.#notifications.resolve(notifications);
    const { refused } = this.#context;
    pollWhileNotLive({ store: this.#store, here: () => placeAt(location.pathname).conversationId, refused, signal: this.#ended.signal });
  }

  /**
   * What a module has; null where the page has been left meanwhile, or is about to be, since a part of it is missing.
   * @template T
   * @param {Promise<T>} module
   * @returns {Promise<T | null>}
   */
  async #later(module) {
    const found = await module.catch(() => null);
    if (found === null) this.#startAgain();
    return this.#ended.signal.aborted ? null : found;
  }

  /** The network went while the page came: from the start, once there is somebody to load it from. */
  async #startAgain() {
    await pause(backoff(1), this.#ended.signal);
    await this.#insist(api.authUser);
    this.#leave();
  }

  /**
   * What is on show fetches itself anew once the state has let go of it.
   * @param {string} position
   */
  async #reset(position) {
    this.#store.dispatch({ type: "listening", position });
    const snapshot = await this.#insist(() => api.conversations());
    if (snapshot) this.#store.dispatch({ type: "conversations", snapshot, older: false });
  }

  /**
   * The answer, however long it takes; null if the session ended or no repeat helps.
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
        if (error.code === "not_found") return null; // all else may change, and the page says that it tries again
        await pause(backoff(failures), this.#ended.signal);
      }
    }
    return null;
  }

  /** The stream was refused: is it that nobody is signed in any more, or somebody else? */
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
   * An event told of a conversation that the list does not have yet.
   * @param {State} state
   */
  #fetchUnknown(state) {
    for (const id of state.unknown.filter((id) => !this.#fetching.has(id))) this.#fetch(id);
  }

  /** Asks again where the answer was older than a reset, and so was let go of. @param {string} id */
  async #fetch(id) {
    this.#fetching.add(id);
    const snapshot = await this.#insist(() => api.conversation(id));
    if (snapshot) this.#store.dispatch({ type: "conversation", snapshot });
    await pause(UNKNOWN_PAUSE_MILLISECONDS, this.#ended.signal);
    this.#fetching.delete(id);
    if (snapshot && !this.#ended.signal.aborted) this.#fetchUnknown(this.#store.state);
  }

  /** What is unread beyond the list; not at each event that puts it in doubt. */
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
   * A session that has ended leads to the access page; all else is told where it happened.
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

  /** The session was ended from elsewhere. */
  async #signedOut() {
    if (this.#ended.signal.aborted || this.#signingOut) return;
    this.#ended.abort();
    await inTime(Promise.allSettled([endSession(), takeBackAll()]));
    this.#reload();
  }

  async #signOut() {
    await this.#context.writing; // what it keeps is to be cleared, too
    if (this.#ended.signal.aborted) return;
    this.#signingOut = true;
    try {
      await api.logout();
    } catch (error) {
      this.#signingOut = false;
      if (isOtherUser(error)) this.#leave();
      if (!isSignedOut(error)) throw error;
    }
    this.#ended.abort(); // so that nothing is kept any more
    await endSession(); // by the other tabs neither
    await inTime(Promise.allSettled([...this.#kept.map((kept) => kept.clear()), takeBackAll()]));
    history.replaceState(null, "", "/"); // the settings are not where the next one wants to be
    this.#reload();
  }

  /** Anew from the start, so that nothing of one user is left in memory for the next. */
  #leave() {
    if (this.#ended.signal.aborted || this.#signingOut) return false; // that one clears first
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
    dispatchEvent(new PopStateEvent("popstate")); // as if one had gone back to it: all who care listen
  }

  /**
   * Links to places in the page do not load it anew.
   * @param {MouseEvent} event
   */
  #follow(event) {
    const link = event.target instanceof Element ? event.target.closest("a[href^='/']") : null;
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    const path = link?.getAttribute("href");
    if (!path || !plain || path.startsWith("/api/") || event.defaultPrevented) return;
    event.preventDefault();
    const steps = link?.classList.contains("back") ? trail().toReversed().indexOf(path) + 1 : 0;
    if (steps > 0) history.go(-steps); // else the system's own way back would lead here again
    else this.#navigate(path);
  }

  #moved() {
    const from = this.#path;
    this.#path = location.pathname;
    this.#draw();
    this.#focus(from);
  }

  /**
   * Who moves by keyboard, or cannot see, is brought along: to what came, or back to where they were.
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

  /** The server has a browser without a session ask for its module first; later.js would come last. */
  #drawAccess() {
    this.replaceChildren(make("access-page", { context: this.#context }));
    this.#later(import("./components/access-page.js"));
  }

  /** The list stays as it is; what stands beside it changes, unless it is there already. */
  #drawPlace() {
    const { conversationId: id } = placeAt(location.pathname);
    const home = location.pathname === "/";
    const layout = this.querySelector(".layout") ?? el("div", {}, this.#side(), nothingChosen());
    layout.className = home ? "layout at-home" : "layout";
    if (!layout.isConnected) this.replaceChildren(layout);
    const shown = layout.children[1];
    if (id && shown.getAttribute("data-conversation") === id) return;
    shown.replaceWith(id ? this.#conversation(id) : this.#otherPlace());
  }

  #otherPlace() {
    const { pathname } = location;
    const view = VIEWS[pathname];
    if (view) return make(view, { context: this.#context });
    if (pathname === "/access") return failedSignIn(failure(location));
    return pathname === "/" ? nothingChosen() : nothingHere();
  }

  #side() {
    const brand = el("a", { href: "/" }, el("img", { src: "/favicon.svg", alt: "" }), words.name);
    const given = (/** @type {string} */ name) => make(name, { context: this.#context });
    const head = el("header", { class: "brand" }, brand, given("connection-line"), given("notification-bell"));
    const parts = ["new-conversation", "conversation-list", "notification-offer", "release-offer", "account-bar"].map(given);
    return el("div", { class: "sidebar" }, head, ...parts);
  }

  /** @param {string} id */
  #conversation(id) {
    const view = make("conversation-view", { context: this.#context, conversationId: id });
    view.setAttribute("data-conversation", id);
    return view;
  }
}

/** @param {string | null} sentence */
function failedSignIn(sentence) {
  if (sentence === null) return nothingHere();
  return notice(words.signIn.failed, sentence, el("a", { href: "/" }, words.toConversations));
}

/** The places that one came by, the latest last. @returns {string[]} */
const trail = () => history.state?.trail ?? [];

/** Tells the other tabs. */
const endSession = () => import("./session.js").then(({ end }) => end(), () => {});

/** Everything that is on the screen and in the storage, and nobody's any more. */
const takeBackAll = () => import("./traces.js").then(({ takeBack }) => takeBack(null)).catch(() => {});

/**
 * Ends when `work` does, or when nobody should have to wait longer for it.
 * @param {Promise<unknown>} work
 */
const inTime = (work) => Promise.race([work, pause(CLEAR_MILLISECONDS)]);

const unreachable = () => notice(words.retrying.title, words.retrying.sentence, action(words.connection.retry, retryNow));

/** @param {unknown} error */
const isOtherUser = (error) => error instanceof api.ApiProblem && error.isOtherUser;

/** @param {unknown} error */
const isSignedOut = (error) => error instanceof api.ApiProblem && error.status === 401;

customElements.define("messenger-app", MessengerApp);
