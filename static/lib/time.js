/**
 * Formats times in the reader's time zone and in English, like all texts of the page. Returns an empty text for an
 * invalid time.
 */

import { words } from "../words.js";

const LOOK_MILLISECONDS = 30_000; // timers stop while a machine sleeps, so a timer for midnight is not enough

const DAY_MILLISECONDS = 24 * 3600 * 1000;

/** Formats for the current zone and language, which a format keeps. */
function formatsHere() {
  const locale = englishHere();
  const format = (/** @type {Intl.DateTimeFormatOptions} */ options) => new Intl.DateTimeFormat(locale, options);
  return {
    clock: format({ hour: "numeric", minute: "2-digit" }),
    weekday: format({ weekday: "short" }),
    date: format({ day: "numeric", month: "short" }),
    dateOfYear: format({ day: "numeric", month: "short", year: "numeric" }),
    day: format({ weekday: "long", day: "numeric", month: "long" }),
    dayOfYear: format({ weekday: "long", day: "numeric", month: "long", year: "numeric" }),
    full: format({ dateStyle: "full", timeStyle: "medium" }),
  };
}

/** The reader's variant of English. For other languages, international English with their 12 or 24 hours. */
function englishHere() {
  const preferred = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();
  if (/^en\b/i.test(preferred.locale)) return preferred.locale;
  return new Intl.Locale("en-GB", { hourCycle: preferred.hourCycle });
}

let formats = formatsHere();

/** @param {string} at */
export const clockTime = (at) => formatted("clock", at);

/** @param {string} at */
export const fullTime = (at) => formatted("full", at);

/**
 * The shortest clear form: a time today, a weekday this week, else a date, with the year if it is another one.
 * @param {string} at
 * @param {Date} [now]
 */
export function shortTime(at, now = new Date()) {
  const days = daysBetween(new Date(at), now);
  if (days === 0) return clockTime(at);
  if (days > 0 && days < 7) return formatted("weekday", at);
  return formatted(isOfYear(at, now) ? "date" : "dateOfYear", at);
}

/**
 * @param {string} at
 * @param {Date} [now]
 */
export function dayName(at, now = new Date()) {
  const days = daysBetween(new Date(at), now);
  if (days === 0) return words.days.today;
  if (days === 1) return words.days.yesterday;
  return formatted(isOfYear(at, now) ? "day" : "dayOfYear", at);
}

/**
 * @param {string} at
 * @param {Date} now
 */
const isOfYear = (at, now) => new Date(at).getFullYear() === now.getFullYear();

/**
 * The current time by the clock of this machine; the latest of `times` if the clock is behind.
 * @param {string[]} times
 */
export function presentTime(times) {
  const last = times.reduce((last, at) => (at > last ? at : last), "");
  const [here, there] = [Date.now(), Date.parse(last)];
  return new Date(there > here ? there : here);
}

/**
 * A number that is the same for all times of a day; NaN for an invalid time.
 * @param {string} at
 */
export function dayNumber(at) {
  const time = new Date(at);
  return (time.getFullYear() * 12 + time.getMonth()) * 31 + time.getDate();
}

/**
 * Calls `changed` when formatted times become wrong: after midnight, or after a change of the zone or the language.
 * @param {() => void} changed
 * @param {AbortSignal} signal
 */
export function whenTimesChange(changed, signal) {
  let written = stamp();
  const look = () => {
    const now = stamp();
    if (now === written) return;
    written = now;
    formats = formatsHere();
    changed();
  };
  let timer = 0;
  const wait = () => {
    timer = setTimeout(() => (look(), wait()), Math.min(LOOK_MILLISECONDS, untilMidnight()));
  };
  wait();
  signal.addEventListener("abort", () => clearTimeout(timer));
  document.addEventListener("visibilitychange", look, { signal });
  for (const event of ["focus", "pageshow", "languagechange"]) addEventListener(event, look, { signal });
}

const stamp = () => `${new Date().toDateString()} ${zone()} ${navigator.language}`;

const zone = () => new Intl.DateTimeFormat().resolvedOptions().timeZone;

function untilMidnight() {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1).getTime() - now.getTime();
}

/**
 * @param {keyof typeof formats} format
 * @param {string} at
 */
function formatted(format, at) {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? "" : formats[format].format(time);
}

/**
 * @param {Date} from
 * @param {Date} to
 */
function daysBetween(from, to) {
  const midnight = (/** @type {Date} */ d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  return Math.round((midnight(to) - midnight(from)) / DAY_MILLISECONDS);
}
