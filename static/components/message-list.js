/**
 * <message-list></message-list> with `conversationId`: the messages, oldest on top, and unsent ones. The page has only
 * a range of them, which moves with scrolling.
 *
 * The event "looked" with a message's id says that the user has seen or skipped every unread message up to it.
 */

import * as api from "../api.js";
import { isLookedAt, whenLookedAt, whilePrinted } from "../lib/presence.js";
import { afterLayout, el, inSight, lastInSight, onceAFrame, onceAtATime, reconcile } from "../lib/dom.js";
import { compareIds, countBefore, placeAt } from "../lib/ids.js";
import { whenTimesChange } from "../lib/time.js";
import { Component } from "./context.js";
import { countAfter, firstUnread, linesOf, unreadAfter } from "./rows.js";
import { copyWhole } from "./message-text.js";
import { drawDay, drawDraft, drawMessage, drawNotices, drawUnread } from "./message.js";
import * as range from "./visible-range.js";
import { words } from "../words.js";
import { authorOf, nameOf } from "../lib/names.js";

/** @typedef {import("./rows.js").Line} Line */
/** @typedef {import("../types.js").Message} Message */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Thread} Thread */
/**
 * A message to scroll to, or the first unread one after it. `above` is its distance from the top in pixels, if known.
 * @typedef {{id: string, unread: boolean, above?: number}} Sought
 * @typedef {{id: string, above: number, range: range.VisibleRange}} Place
 */

const NEAR_PIXELS = 32; // from the end; within this distance, the list follows new messages
const MARGIN_PIXELS = 24; // above the target of a jump
const FINDABLE_UNREAD = 999; // the server counts no further; beyond it, only the button leads to the first
const READ_ON = 2 * range.STEP; // unread messages in the page after the first one
const CATCH_UP_MILLISECONDS = 3000; // the longest pause between missed messages after a reconnection
const LONGEST_CATCH_UP_MILLISECONDS = 20_000; // for a thousand messages on a slow phone

/** The place in each conversation where the user left it, unless it was the end. @type {Map<string, Place>} */
const places = new Map();

class MessageList extends Component {
  conversationId = "";
  #older = el("button", { type: "button", class: "quiet older", hidden: true }, words.conversation.older);
  #empty = el("p", { class: "empty", hidden: true }, words.conversation.empty);
  #list = el("ol", { class: "messages" });
  // Off until the first messages are drawn, because a screen reader would read all of them.
  #log = el("div", { role: "log", "aria-label": words.conversation.messages, "aria-live": "off" }, this.#list);
  #scroller = el(
    "div",
    { class: "scroller", tabindex: "0", role: "region", "aria-label": words.conversation.label },
    this.#older,
    this.#empty,
    this.#log,
  );
  #up = jumpButton("up");
  #down = jumpButton("down");
  #status = el("p", { class: "seeking", role: "status" });
  #again = el("button", { type: "button", class: "link" }, words.conversation.olderFailed);
  #seekAgain = () => {};
  /** @type {Line[]} the drawn lines; each has the item with the same index in the list */
  #lines = [];
  /** @type {unknown[]} the data that they were drawn from */
  #drawnFrom = [];
  /** @type {range.VisibleRange | null} null before the first draw */
  #range = null;
  #following = true; // whether the end was in view before the current change
  #top = 0; // `scrollTop` at that time
  /** @type {{item: Element, at: number}[]} the visible items, and their places */
  #sight = [];
  /** @type {string | null | undefined} */
  #unreadAfter;
  #unread = 0; // the last known unread count
  #missed = 0; // number of unread messages above that were not visible
  #isQuiet = false;
  #author = ""; // the name of the other participant
  #hasBegun = false;
  #returns = false; // whether to scroll to the first unread message when the user looks
  #liveSince = -Infinity; // when the connection became live again
  #caughtUpAt = -Infinity; // when the latest missed message arrived
  /** @type {import("../types.js").Connection | null} null before the first "live" */
  #connection = null;
  #looked = "0"; // the latest message that was on the screen
  #latestDraft = "";
  /** @type {Sought | null} */
  #sought = null;
  /** @type {string | undefined} the message in the URL */
  #linked;
  #drawSoon = onceAFrame(() => this.#drawInFrame(), () => this.#noteBefore());
  #settleSoon = () => {};
  /** @type {Sought | null} a drawn message to scroll to */
  #found = null;
  #frameTop = 0; // the last known top of the scroller
  /** @type {HTMLElement | null} the only message that is a tab stop */
  #stop = null;
  #isFinding = false; // the messages around the sought one
  /** Part of later.js. @type {Promise<import("./message-acts.js").MessageActs | null>} */
  #acts = Promise.resolve(null);
  #isPrinted = false;
  #isSettling = false;
  #loudSoon = onceAFrame(() => this.#becomeLoud());

  connected() {
    this.replaceChildren(this.#scroller, this.#up, this.#down, this.#status);
    const options = { signal: this.gone };
    this.#older.addEventListener("click", () => this.#reachUp(), options);
    this.#up.addEventListener("click", () => this.#toUnread(), options);
    this.#down.addEventListener("click", () => this.#toEnd(), options);
    this.#again.addEventListener("click", () => this.#seekAgain(), options);
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), options);
    this.#scroller.addEventListener("keydown", (event) => this.#key(event), options);
    addEventListener("popstate", () => this.#goToLinked(), options);
    this.#list.addEventListener("focusin", () => this.#placeTabStop(), options);
    copyWhole(this, this.gone);
    const resizes = new ResizeObserver(() => this.#resized());
    resizes.observe(this.#scroller);
    resizes.observe(this.#list);
    this.#settleSoon = afterLayout(this.#scroller, () => this.#settle()); // runs after `resizes`
    this.gone.addEventListener("abort", () => resizes.disconnect());
    whenTimesChange(() => this.#drawAnew(), this.gone);
    whilePrinted((isPrinted) => this.#drawForPrint(isPrinted), this.gone);
    whenLookedAt(() => this.#lookAgain(), this.gone);
    this.gone.addEventListener("abort", () => this.#keepPlace());
    this.#acts = this.#loadActs();
    this.#goToLinked();
    this.context.store.subscribe(() => this.#changed(), this.gone);
  }

  #changed() {
    this.#noteConnection();
    this.#noteUnread(); // at once, because visible messages are marked as read before the next frame
    if (this.#range) this.#drawSoon();
    else this.#draw();
  }

  get #state() {
    return this.context.store.state;
  }

  /** The shown stretch of messages: the newest, or those around an older one. @returns {Thread | undefined} */
  get #thread() {
    return this.#window ?? this.#state.threads[this.conversationId];
  }

  get #window() {
    return this.#state.windows[this.conversationId];
  }

  /** The newest messages, which may be other than the shown ones. */
  get #newest() {
    return this.#state.threads[this.conversationId]?.messages ?? [];
  }

  get #conversation() {
    return this.#state.entries?.find(({ conversation }) => conversation.id === this.conversationId)?.conversation;
  }

  #draw() {
    this.#noteBefore();
    if (this.#drawThread()) this.#settle();
  }

  /** Draws once a frame, without forcing a layout: at fifty messages a second, that would take too long. */
  #drawInFrame() {
    if (!this.#drawThread()) return;
    this.#isSettling = true;
    this.#settleSoon();
  }

  #noteBefore() {
    if (!this.#range || this.#isPrinted || this.gone.aborted) return;
    this.#notePlace();
    if (!this.#following) this.#noteSight();
  }

  /** Returns whether it has drawn. */
  #drawThread() {
    const known = this.#thread;
    if (!known || this.gone.aborted || this.#isPrinted) return false;
    if (!this.#range && !this.#conversation) return false; // it has the read marker, which tells where the unread messages begin
    this.#begin(known);
    this.#followOwn();
    const thread = this.#thread ?? known; // the user may have left the older messages
    this.#noteReset(thread);
    this.#found = this.#find(thread) ?? this.#found;
    if (!this.#range && this.#sought?.unread && this.#missed <= api.LARGEST_PAGE) return false; // one more page has the first unread message
    this.#noteAuthor();
    this.#range = range.fitted(thread.messages, this.#range ?? range.newest(thread.messages), this.#following);
    this.#drawLines(thread);
    return true;
  }

  /** After the layout, scrolls to the sought message, or keeps the visible ones in their place. */
  #settle() {
    this.#isSettling = false;
    if (this.gone.aborted || this.#isPrinted) return;
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const isShort = scrollHeight <= clientHeight;
    // Keeps a scroll by another script. At the very end, the browser may have clamped the position.
    const moved = scrollHeight - scrollTop - clientHeight < 1 ? 0 : scrollTop - this.#top;
    if (this.#following && moved < 0) this.#following = false;
    if (this.#found) this.#bringToSight(this.#found);
    else if (!this.#following) this.#restoreSight(moved);
    this.#found = null;
    this.#follow();
    this.#look();
    this.#returnToUnread();
    if (isShort) this.#reachUp();
  }

  /** Starts at the first unread message; else at the place where the user left, or at the end. @param {Thread} thread */
  #begin({ messages }) {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#quietly();
    this.#returns = false;
    const place = places.get(this.conversationId);
    if (this.#linked) return;
    if (this.#isFindable && this.#hasUnread) this.#sought = this.#firstUnread;
    else this.#returns = this.#isFindable;
    if (!place || this.#conversation?.hasUnreadMessages) return;
    this.#following = false;
    this.#sought = { ...place, unread: false };
    if (messages[countBefore(messages, place.id)]?.id === place.id) this.#range = place.range;
  }

  /** Remembers the place for the next visit. */
  #keepPlace() {
    places.delete(this.conversationId);
    if (this.#following || !this.#range) return;
    const items = [...this.#list.children];
    for (const { item, at } of this.#sight) {
      const line = this.#lines[items.indexOf(item)];
      if (line?.kind !== "message") continue;
      places.set(this.conversationId, { id: line.message.id, above: at - this.#frameTop, range: this.#range });
      return;
    }
  }

  /** Draws all loaded messages for printing, not only the range. @param {boolean} isPrinted */
  #drawForPrint(isPrinted) {
    const thread = this.#thread;
    if (!thread || !this.#range || this.#isPrinted === isPrinted) return;
    const kept = this.#range;
    this.#isPrinted = isPrinted;
    this.#quietly();
    if (isPrinted) {
      this.#range = range.ALL;
      this.#drawLines(thread);
      this.#range = kept;
    } else if (this.#drawThread()) {
      this.#settle();
    }
  }

  /** @param {Thread} thread */
  #drawLines(thread) {
    const { from, to } = range.bounds(thread.messages, this.#range ?? range.ALL);
    const { drafts, intents, targets } = this.#state;
    const drawnFrom = [thread, drafts, intents, targets, this.#conversation?.otherLastReadMessageId, this.#conversation?.otherParticipant, from, to, this.#unreadAfter, this.#linked];
    if (drawnFrom.every((value, n) => value === this.#drawnFrom[n])) return;
    this.#drawnFrom = drawnFrom;
    const before = this.#lines;
    this.#lines = linesOf(this.#state, this.conversationId, { from, to, unreadAfter: this.#unreadAfter ?? null });
    this.#older.hidden = thread.older === null && from === 0;
    this.#empty.hidden = this.#lines.length > 0;
    if (isEdited(before, this.#lines)) this.#quietly();
    const focused = this.#list.contains(document.activeElement) && document.activeElement?.closest("li");
    reconcile(this.#list, this.#lines, ({ key }) => key, (line, item) => this.#line(line, item));
    if (focused && !focused.contains(document.activeElement)) {
      const place = focused.isConnected && isMessage(focused) ? focused : this.#scroller;
      place.focus({ preventScroll: true }); // the element with the focus was removed
    }
    this.#placeTabStop();
    this.#acts.then((acts) => acts?.drawn(this.#lines));
  }

  /** Draws the author again quietly when the name arrives or changes. */
  #noteAuthor() {
    const other = this.#conversation?.otherParticipant;
    const author = other ? nameOf(other) : "";
    if (author !== this.#author) this.#quietly();
    this.#author = author;
  }

  /**
   * @param {Line} line
   * @param {HTMLElement} item
   */
  #line(line, item) {
    if (line.kind === "day") drawDay(item, line);
    else if (line.kind === "unread") drawUnread(item);
    else if (line.kind === "message") drawMessage(item, line, this.#reader);
    else if (line.kind === "notices") drawNotices(item, line, this.#state.me?.id);
    else drawDraft(item, line, this.context.outbox, this.#reader);
    const isLinked = this.#linked !== undefined && idsIn(line).includes(this.#linked);
    if (isLinked) item.setAttribute("aria-current", "true");
    else item.removeAttribute("aria-current");
  }

  get #reader() {
    const { me } = this.#state;
    return { me: me?.id, nameOf: (/** @type {Message} */ message) => authorOf(message, this.#conversation) };
  }

  /** Marks all lines to be drawn again. */
  #drawAnew() {
    for (const item of this.#list.children) item.removeAttribute("data-state");
    this.#drawnFrom = [];
    this.#quietly();
    this.#draw();
  }

  #noteSight() {
    const { top, bottom } = this.#scroller.getBoundingClientRect();
    this.#frameTop = top;
    this.#sight = inSight(this.#list.children, top, bottom).filter(({ item }) => item.className !== "day"); // a day line is sticky and may move
  }

  /** @param {number} [moved] the distance scrolled since */
  #restoreSight(moved = 0) {
    const stayed = this.#sight.find(({ item }) => item.isConnected);
    const off = stayed ? stayed.item.getBoundingClientRect().top - stayed.at + moved : 0;
    if (off !== 0) this.#scroller.scrollTop += off;
  }

  /** Scrolls to the end when the user sends a message. */
  #followOwn() {
    const last = this.#state.drafts.findLast((draft) => draft.conversationId === this.conversationId);
    if (!last || last.clientId === this.#latestDraft) return;
    this.#latestDraft = last.clientId;
    if (!this.#range && this.#sought?.unread) return; // the unread messages come first; this draft is an old one
    this.#unreadAfter = null;
    if (this.#range) this.#leaveUnread(); // the user has answered the unread messages
    this.#goToEnd();
  }

  /**
   * After a reset, fetches older pages if the visible messages are older than the known ones.
   * @param {Thread} thread
   */
  #noteReset({ messages, older }) {
    const [top] = this.#sight;
    const line = this.#lines[[...this.#list.children].indexOf(top?.item)];
    if (this.#following || this.#sought || older === null || line?.kind !== "message") return;
    const { id } = line.message;
    if (messages.length > 0 && compareIds(id, messages[0].id) < 0) this.#sought = { id, unread: false };
  }

  #noteConnection() {
    const { connection } = this.#state;
    const isBack = connection === "live" && this.#connection !== null && this.#connection !== "live";
    if (isBack) this.#liveSince = performance.now();
    if (connection === "live" || this.#connection) this.#connection = connection;
  }

  /** Whether missed messages are still arriving after a reconnection. */
  get #isCatchingUp() {
    const now = performance.now();
    const isSoon = now - Math.max(this.#liveSince, this.#caughtUpAt) < CATCH_UP_MILLISECONDS;
    return this.#state.connection !== "live" || (isSoon && now - this.#liveSince < LONGEST_CATCH_UP_MILLISECONDS);
  }

  #noteUnread() {
    const conversation = this.#conversation;
    if (!conversation) return;
    const [before, counted] = [this.#unreadAfter, this.#unread];
    this.#unread = conversation.unreadCount;
    if (this.#unread === 0) this.#missed = 0;
    if (before !== undefined && this.#unread <= counted) return; // no new message
    const inSight = this.#following || counted > 0 || this.#sight.some(({ item }) => item.className === "unread");
    const isMissed = this.#isCatchingUp;
    if (isMissed) this.#caughtUpAt = performance.now();
    const looking = isLookedAt() && inSight && !isMissed;
    this.#unreadAfter = unreadAfter(before, conversation, looking);
    if (before !== undefined && looking) return;
    this.#missed = this.#unread;
    this.#returns = this.#following;
  }

  /** Whether an unread message is here. The count, from the list, may be known before. */
  get #hasUnread() {
    return compareIds(this.#newest.at(-1)?.id ?? "0", this.#unreadAfter ?? "0") > 0;
  }

  get #isFindable() {
    return this.#missed > 0 && this.#missed <= FINDABLE_UNREAD;
  }

  /** @returns {Sought} */
  get #firstUnread() {
    return { id: this.#unreadAfter ?? "0", unread: true };
  }

  /** Scrolls to the first unread message if more than a screen arrived out of sight. */
  #returnToUnread() {
    if (!this.#returns || !this.#range || !this.#hasUnread || !isLookedAt()) return;
    this.#returns = false;
    if (this.#following && this.#isFindable && !this.#sought) this.#seek(this.#firstUnread);
  }

  /** Skips the unread messages on the user's request. They count as read. */
  #leaveUnread() {
    this.#missed = 0;
    if (this.#sought) this.#stopSeeking();
    this.#found = null;
  }

  #follow() {
    if (!this.#following) return;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#top = this.#scroller.scrollTop;
  }

  /**
   * Notes the place before a draw. Events of scrolls and resizes arrive a frame late, and the draw must undo neither.
   * A list that was at its end, and has not been scrolled up, still follows.
   */
  #notePlace() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const isNear = scrollHeight - scrollTop - clientHeight < NEAR_PIXELS;
    const stayed = this.#following && scrollTop >= this.#top;
    this.#following = !this.#window && this.#range?.last === null && (isNear || stayed);
    this.#top = scrollTop;
  }

  #resized() {
    if (!this.#range || this.#isPrinted || this.#isSettling) return;
    if (this.#following) this.#follow();
    else this.#restoreSight();
    this.#look();
  }

  #scrolled() {
    if (!this.#range || this.#isPrinted) return;
    const followed = this.#following;
    this.#notePlace();
    if (followed && !this.#following && this.#sought?.unread) this.#stopSeeking();
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    if (!this.#following && scrollTop < clientHeight) this.#reachUp();
    else if (!this.#following && scrollHeight - scrollTop - clientHeight < clientHeight) this.#reachDown();
    if (!this.#isSettling) this.#look(); // positions are known after the layout
  }

  /** Moves the range up, and fetches older messages before they are needed. */
  #reachUp() {
    const thread = this.#thread;
    if (!thread || !this.#range) return;
    const { from } = range.bounds(thread.messages, this.#range);
    if (from > 0) this.#move(range.earlier(thread.messages, this.#range));
    if (from <= range.STEP) this.#loadOlder();
  }

  #reachDown() {
    if (this.#thread && this.#range?.last) this.#move(range.later(this.#thread.messages, this.#range));
    if (this.#range?.last === null) this.#loadNewer();
  }

  /** Continues the messages around an older one, until they join the newest. */
  async #loadNewer() {
    const link = this.#window?.newer;
    if (!link || this.#isFinding) return;
    this.#isFinding = true;
    try {
      const snapshot = await api.olderMessages(link, range.STEP);
      this.context.store.dispatch({ type: "window", conversationId: this.conversationId, snapshot, way: "newer" });
    } catch (error) {
      this.context.refused(error);
    } finally {
      this.#isFinding = false;
    }
  }

  /** @param {range.VisibleRange} to */
  #move(to) {
    this.#range = to;
    this.#quietly();
    this.#draw();
  }

  /** Keeps screen readers from reading older messages that are added. */
  #quietly() {
    this.#log.setAttribute("aria-live", "off");
    this.#isQuiet = true;
    this.#loudSoon();
  }

  /** Lets screen readers read new messages again, a frame after the quiet draw. */
  #becomeLoud() {
    if (this.#isQuiet) this.#loudSoon();
    else this.#log.setAttribute("aria-live", "polite");
    this.#isQuiet = false;
  }

  async #loadOlder() {
    let hasCome = false;
    await onceAtATime(this.#older, async () => (hasCome = await this.#fetchOlder()));
    if (!hasCome || this.gone.aborted) return;
    const isHere = document.activeElement === this.#older;
    this.#draw();
    if (isHere && this.#older.hidden) this.#scroller.focus({ preventScroll: true });
    this.#scrolled(); // the user may have reached the top again
  }

  /** Resolves with whether there are more messages than before. */
  async #fetchOlder() {
    const link = this.#thread?.older;
    if (!link) return false;
    try {
      const snapshot = await api.olderMessages(link, this.#sought ? api.LARGEST_PAGE : range.STEP);
      const { conversationId } = this;
      const isWindow = this.#window?.older === link;
      this.context.store.dispatch(isWindow ? { type: "window", conversationId, snapshot, way: "older" } : { type: "messages", conversationId, snapshot, older: true });
      this.#older.textContent = words.conversation.older;
      this.#again.remove();
      return true;
    } catch (error) {
      this.#older.textContent = words.conversation.olderFailed;
      this.#giveUpSeeking();
      this.context.refused(error);
      return false;
    }
  }

  /** Notes visible messages as seen, unless unread messages above them are not seen. */
  #look() {
    if (!this.#following) this.#noteSight();
    const { top, bottom, height } = this.#scroller.getBoundingClientRect();
    const at = lastInSight(this.#list.children, bottom, height);
    const shown = this.#lines.slice(0, at + 1).filter((line) => line.kind === "message");
    const canReach = this.#missed > 0 && this.#hasUnread && this.#isDrawn && isLookedAt();
    if (canReach && this.#isAboveUnread(top, shown.at(-1)?.message.id)) this.#missed = 0;
    const last = shown.findLast(({ message }) => !message.mine);
    if (last) this.#seen(last.message.id);
    this.#drawJumps();
  }

  /** Marks visible messages as seen when the user looks at the page again. */
  #lookAgain() {
    if (!this.#range || this.#isPrinted || !isLookedAt()) return;
    if (!this.#isSettling) this.#look();
    this.#returnToUnread();
  }

  /** Whether the drawn lines are up to date: a resize may come between an event and its draw. */
  get #isDrawn() {
    return this.#drawnFrom[0] === this.#thread;
  }

  /**
   * Whether the first unread message is on the screen, or below it.
   * @param {number} top
   * @param {string | undefined} shown the last message on the screen
   */
  #isAboveUnread(top, shown) {
    if (shown && compareIds(shown, this.#unreadAfter ?? "0") <= 0) return true;
    const unread = this.#lines.findIndex((line) => line.kind === "unread");
    return unread >= 0 && this.#list.children[unread].getBoundingClientRect().bottom > top;
  }

  /** @param {string} messageId */
  #seen(messageId) {
    if (compareIds(messageId, this.#looked) > 0) this.#looked = messageId;
    if (this.#missed === 0) this.dispatchEvent(new CustomEvent("looked", { detail: messageId, bubbles: true }));
  }

  #drawJumps() {
    const marker = this.#conversation?.lastReadMessageId ?? "0";
    const from = compareIds(marker, this.#looked) > 0 ? marker : this.#looked;
    const fresh = this.#following ? 0 : countAfter(this.#newest, from);
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const isFar = Boolean(this.#window) || this.#range?.last !== null || scrollHeight - scrollTop > 2 * clientHeight;
    this.#down.hidden = fresh === 0 && !isFar;
    this.#down.dataset.count = `${fresh}`;
    this.#up.hidden = this.#missed === 0 || this.#sought !== null;
    this.#up.dataset.count = `${this.#missed}`;
  }

  #goToEnd() {
    this.#closeWindow();
    this.#range = range.newest(this.#newest);
    this.#following = true;
  }

  /** Goes back to the newest messages. */
  #closeWindow() {
    if (this.#window) this.context.store.dispatch({ type: "window closed", conversationId: this.conversationId });
  }

  #toEnd() {
    this.#leaveUnread();
    this.#goToEnd();
    this.#quietly();
    this.#drawLines(/** @type {Thread} */ (this.#thread));
    this.#follow();
    this.#look();
    this.#scroller.focus({ preventScroll: true });
  }

  #toUnread() {
    if (this.#window) this.#goToEnd();
    this.#seek(this.#firstUnread);
    this.#scroller.focus({ preventScroll: true }); // the button disappears
  }

  #goToLinked() {
    const { conversationId, messageId } = placeAt(location.pathname);
    if (conversationId !== this.conversationId) return;
    this.#linked = messageId;
    if (messageId) this.#seek({ id: messageId, unread: false });
    else this.#drawSoon();
  }

  /** @param {Sought} sought */
  #seek(sought) {
    this.#sought = sought;
    this.#drawSoon();
  }

  #stopSeeking() {
    this.#sought = null;
    this.#status.textContent = "";
  }

  /** Shows the known messages, with a button to search again. */
  #giveUpSeeking() {
    const sought = this.#sought;
    if (!sought) return;
    this.#stopSeeking();
    this.#seekAgain = () => this.#seek(sought);
    this.#status.append(this.#again);
    this.#draw();
  }

  /**
   * Finds the sought message, or fetches older pages until it is known.
   * @param {Thread} thread
   */
  #find({ messages, older }) {
    if (!this.#sought) return null;
    const { id, unread, above } = this.#sought;
    const there = messages[countBefore(messages, id)];
    const found = unread ? firstUnread(messages, older === null, id) : there?.id === id ? there : undefined;
    const isPast = !this.#window && messages.length > 0 && compareIds(messages[0].id, id) < 0;
    if (!found && !isPast && (older !== null || this.#window)) {
      this.#status.textContent = unread ? words.conversation.findingUnread : words.conversation.finding;
      queueMicrotask(() => (unread ? this.#loadOlder() : this.#loadAround(id)));
      return null;
    }
    this.#sought = null;
    this.#status.textContent = found || unread ? "" : words.conversation.noSuchMessage;
    if (unread) this.#looked = id; // messages below that were shown meanwhile still count as new
    if (unread && !found) this.#missed = 0;
    if (!found) return null;
    if (above === undefined || !this.#isInRange(messages, found.id)) this.#range = range.around(messages, found.id, unread ? READ_ON : range.STEP);
    this.#following = false;
    this.#sight = [];
    this.#quietly();
    return { id: found.id, unread, above };
  }

  /**
   * @param {Message[]} messages
   * @param {string} id
   */
  #isInRange(messages, id) {
    if (!this.#range) return false;
    const { from, to } = range.bounds(messages, this.#range);
    const at = countBefore(messages, id);
    return from <= at && at < to;
  }

  /**
   * Opens a window of messages around one that is not loaded.
   * @param {string} id
   */
  async #loadAround(id) {
    if (this.#isFinding || this.#sought?.id !== id) return;
    this.#isFinding = true;
    const { conversationId } = this;
    try {
      const snapshot = await api.messagesAround(conversationId, id);
      this.#isFinding = false;
      this.context.store.dispatch({ type: "window", conversationId, snapshot, way: "around" });
    } catch (error) {
      this.#isFinding = false;
      this.context.refused(error);
      if (isMissing(error) && this.#sought?.id === id) this.#notFound();
      else this.#giveUpSeeking();
    }
  }

  #notFound() {
    this.#sought = null;
    this.#status.textContent = words.conversation.noSuchMessage;
    this.#drawSoon();
  }

  /**
   * Scrolls a message to the middle, or the first unread one to the top.
   * @param {Sought} found
   */
  #bringToSight({ id, unread, above }) {
    const index = this.#lines.findIndex((line) => (unread ? line.kind === "unread" : idsIn(line).includes(id)));
    const item = this.#list.children[index];
    if (!item) return;
    const frame = this.#scroller.getBoundingClientRect();
    const box = item.getBoundingClientRect();
    above ??= unread ? MARGIN_PIXELS : Math.max(MARGIN_PIXELS, (frame.height - box.height) / 2);
    this.#scroller.scrollTop += box.top - frame.top - above;
    this.#notePlace();
    if (id === this.#linked && item instanceof HTMLElement && isMessage(item)) item.focus({ preventScroll: true }); // a screen reader continues from there
  }

  /** Makes only one message a tab stop, with the buttons in it: the one with the focus, or the latest. */
  #placeTabStop() {
    const { activeElement } = document;
    const active = activeElement?.matches("li, li > .quote, .reactions button") ? activeElement.closest(".messages > li") : null; // links in texts are stops of their own
    const stop = active instanceof HTMLElement && this.#list.contains(active) && isMessage(active) ? active : this.#latest;
    if (stop !== this.#stop && this.#stop) makeStop(this.#stop, -1);
    if (stop) makeStop(stop, 0);
    this.#stop = stop;
  }

  get #latest() {
    for (let item = this.#list.lastElementChild; item; item = item.previousElementSibling) {
      if (item instanceof HTMLElement && isMessage(item)) return item;
    }
    return null;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "End" && (this.#window || this.#range?.last !== null)) this.#toEnd();
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const item = event.target instanceof Element ? event.target.closest("li") : null;
    if (!step || !item || !isMessage(item) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const messages = [.../** @type {NodeListOf<HTMLElement>} */ (this.#list.querySelectorAll(":scope > [tabindex]"))];
    messages[messages.indexOf(item) + step]?.focus();
  }

  /** The message that a list item shows. @param {Element} item */
  #messageOf(item) {
    const line = this.#lines[[...this.#list.children].indexOf(item)];
    return line?.kind === "message" ? line.message : null;
  }

  /** What users can do with messages. Resolves with null if it could not be loaded; then app.js reloads the page. */
  async #loadActs() {
    const { gone } = this;
    const module = await import("./message-acts.js").catch(() => null);
    if (!module || gone.aborted) return null;
    return new module.MessageActs({
      place: this,
      scroller: this.#scroller,
      items: this.#list,
      conversationId: this.conversationId,
      context: this.context,
      messageOf: (item) => this.#messageOf(item),
      gone,
    });
  }
}

/** The messages of a line. @param {Line} line */
function idsIn(line) {
  if (line.kind === "notices") return line.notices.map(({ id }) => id);
  return line.kind === "message" ? [line.message.id] : [];
}

/** Part of later.js. @param {"up" | "down"} way */
function jumpButton(way) {
  const button = document.createElement("jump-button");
  button.dataset.way = way;
  button.hidden = true;
  return button;
}

/**
 * Whether a message has another text than before. Screen readers announce only new messages.
 * @param {Line[]} before
 * @param {Line[]} after
 */
function isEdited(before, after) {
  const texts = new Map(before.flatMap((line) => (line.kind === "message" ? [[line.key, line.message.content]] : [])));
  return after.some((line) => line.kind === "message" && (texts.get(line.key) ?? line.message.content) !== line.message.content);
}

/** Whether a list item shows a message that is sent. @param {Element} item */
const isMessage = (item) => item.hasAttribute("tabindex");

/**
 * @param {HTMLElement} item
 * @param {0 | -1} tabIndex
 */
function makeStop(item, tabIndex) {
  const parts = /** @type {NodeListOf<HTMLElement>} */ (item.querySelectorAll(".quote[href], .reactions button"));
  for (const part of [item, ...parts]) if (part.tabIndex !== tabIndex) part.tabIndex = tabIndex;
}

/** @param {unknown} error */
const isMissing = (error) => error instanceof api.ApiProblem && error.code === "not_found";

customElements.define("message-list", MessageList);
