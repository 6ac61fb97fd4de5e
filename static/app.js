/**
 * <messenger-app></messenger-app>: the whole page. Who is there, which place they are at, and the
 * one stream that keeps all of it up to date.
 */

import * as api from "./api.js";
import "./components/access-page.js";
import "./components/connection-line.js";
import "./components/conversation-list.js";
import "./components/conversation-view.js";
import "./components/new-conversation.js";
import { el } from "./lib/dom.js";
import { Outbox } from "./outbox.js";
import { Store } from "./store.js";
import { Stream } from "./stream.js";

/** @typedef {import("./components/context.js").Context} Context */

const REFRESH_MILLISECONDS = 24 * 3600 * 1000; // a token lives for 14 days

class MessengerApp extends HTMLElement {
  #store = new Store();
  #ended = new AbortController();
  /** @type {Stream | null} */
  #stream = null;
  #fetching = new Set();
  /** @type {Context} */
  #context = {
    store: this.#store,
    outbox: new Outbox(this.#store),
    navigate: (path) => this.#navigate(path),
    signedIn: (user) => this.#signedIn(user),
    signOut: () => this.#signOut(),
    refused: (error) => this.#refused(error),
  };

  connectedCallback() {
    const options = { signal: this.#ended.signal };
    addEventListener("popstate", () => this.#draw(), options);
    this.addEventListener("click", (event) => this.#follow(event), options);
    this.#store.subscribe((state) => this.#fetchUnknown(state), this.#ended.signal);
    this.#store.subscribe((state) => drawTitle(state), this.#ended.signal);
    this.#begin();
  }

  disconnectedCallback() {
    this.#ended.abort();
    this.#stream?.close();
  }

  async #begin() {
    try {
      await this.#signedIn(await api.authUser());
    } catch (error) {
      this.#refused(error);
    }
  }

  /** @param {import("./types.js").User} user */
  async #signedIn(user) {
    this.#store.dispatch({ type: "signed in", user });
    this.#draw();
    await this.#load();
    const refresh = setInterval(() => api.refreshToken().catch((e) => this.#refused(e)), REFRESH_MILLISECONDS);
    this.#ended.signal.addEventListener("abort", () => clearInterval(refresh));
  }

  /** Snapshots first; the stream goes on from the position that they reflect. */
  async #load() {
    try {
      const snapshot = await api.conversations();
      this.#store.dispatch({ type: "conversations", snapshot, older: false });
      this.#stream ??= new Stream(snapshot.position, {
        event: (event) => this.#store.dispatch(event),
        connection: (status) => this.#store.dispatch({ type: "connection", status }),
        reset: () => this.#reset(),
        mayGoOn: () => this.#mayGoOn(),
      });
    } catch (error) {
      this.#refused(error);
      if (this.#store.state.me) setTimeout(() => this.#load(), 3000);
    }
  }

  async #reset() {
    await this.#load();
    for (const id of Object.keys(this.#store.state.threads)) {
      const snapshot = await api.messages(id).catch(() => null);
      if (snapshot) this.#store.dispatch({ type: "messages", conversationId: id, snapshot, older: false });
    }
  }

  async #mayGoOn() {
    try {
      await api.authUser();
    } catch (error) {
      this.#refused(error);
    }
    return Boolean(this.#store.state.me);
  }

  /**
   * An event told of a conversation that the list does not have yet.
   * @param {import("./types.js").State} state
   */
  async #fetchUnknown(state) {
    for (const id of state.unknown.filter((id) => !this.#fetching.has(id))) {
      this.#fetching.add(id);
      api
        .conversation(id)
        .then((snapshot) => this.#store.dispatch({ type: "conversation", snapshot }))
        .catch((error) => this.#refused(error))
        .finally(() => this.#fetching.delete(id));
    }
  }

  /**
   * A session that has ended leads to the access page; all else is told where it happened.
   * @param {unknown} error
   */
  #refused(error) {
    if (error instanceof api.ApiProblem && error.status === 401) this.#leave();
    else if (this.#store.state.me === undefined) this.#drawUnreachable();
  }

  async #signOut() {
    await api.logout().catch(() => {});
    this.#leave();
  }

  #leave() {
    this.#stream?.close();
    this.#stream = null;
    this.#store.dispatch({ type: "signed out" });
    this.#draw();
  }

  /** @param {string} path */
  #navigate(path) {
    if (path !== location.pathname) history.pushState(null, "", path);
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
    if (!path || !plain || path.startsWith("/api/")) return;
    event.preventDefault();
    this.#navigate(path);
  }

  #draw() {
    const { me } = this.#store.state;
    if (me === undefined) return;
    if (me === null) this.replaceChildren(this.#access());
    else this.#drawPlace();
    drawTitle(this.#store.state);
  }

  #access() {
    const page = document.createElement("access-page");
    Object.assign(page, { context: this.#context });
    return page;
  }

  /** The list stays as it is; what stands beside it changes. */
  #drawPlace() {
    const id = conversationHere();
    const home = location.pathname === "/";
    const main = id ? this.#conversation(id) : home ? nothingChosen() : notFound();
    const layout = this.querySelector(".layout") ?? el("div", {}, this.#sidebar());
    layout.className = home ? "layout at-home" : "layout";
    layout.replaceChildren(...[...layout.children].slice(0, 1), main);
    if (!layout.isConnected) this.replaceChildren(layout);
  }

  #sidebar() {
    const parts = ["connection-line", "new-conversation", "conversation-list"].map((name) =>
      Object.assign(document.createElement(name), { context: this.#context }),
    );
    const me = this.#store.state.me;
    const out = el("button", { type: "button", class: "quiet" }, "Sign out");
    out.addEventListener("click", () => this.#signOut());
    const account = el("footer", { class: "account" }, el("span", { class: "name" }, me?.username ?? ""), out);
    return el("div", { class: "sidebar" }, el("header", { class: "brand" }, el("a", { href: "/" }, "Messenger")), ...parts, account);
  }

  /** @param {string} id */
  #conversation(id) {
    const view = document.createElement("conversation-view");
    Object.assign(view, { context: this.#context, conversationId: id });
    return view;
  }

  #drawUnreachable() {
    const again = el("button", { type: "button" }, "Try again");
    again.addEventListener("click", () => this.#begin());
    this.replaceChildren(
      el("main", { class: "notice" }, el("h1", {}, "The server cannot be reached"), el("p", {}, "Is the network there?"), again),
    );
  }
}

function nothingChosen() {
  return el(
    "main",
    { class: "notice nothing-chosen" },
    el("h1", {}, "No conversation is open"),
    el("p", {}, "Choose one from the list, or start one by a user name."),
  );
}

function notFound() {
  return el(
    "main",
    { class: "notice" },
    el("h1", {}, "There is nothing here"),
    el("p", {}, "The address may be mistyped, or what it led to is not yours to see."),
    el("p", {}, el("a", { href: "/" }, "To your conversations")),
  );
}

/** The id in the address, if it is a conversation's. */
function conversationHere() {
  return location.pathname.match(/^\/conversations\/([1-9][0-9]*)$/)?.[1];
}

/** @param {import("./types.js").State} state */
function drawTitle(state) {
  const unread = (state.entries ?? []).filter((entry) => entry.conversation.hasUnreadMessages).length;
  const id = conversationHere();
  const open = state.entries?.find((entry) => entry.conversation.id === id);
  const place = open ? `${open.conversation.otherParticipant.username} · Messenger` : "Messenger";
  document.title = unread > 0 ? `(${unread}) ${place}` : place;
}

customElements.define("messenger-app", MessengerApp);
