/** Times as people read them, in their own zone and language. What is no time is an empty text. */

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** @param {string} at */
export const clockTime = (at) => formatted(clock, at);

/** @param {string} at */
export const fullTime = (at) => formatted(full, at);

/**
 * As short as it can be without being wrong: a time today, a weekday this week, else a date.
 * @param {string} at
 * @param {Date} [now]
 */
export function shortTime(at, now = new Date()) {
  const days = daysBetween(new Date(at), now);
  if (days <= 0) return clockTime(at);
  return formatted(days < 7 ? weekday : date, at);
}

/**
 * @param {string} at
 * @param {Date} [now]
 */
export function dayName(at, now = new Date()) {
  const days = daysBetween(new Date(at), now);
  if (days <= 0) return "Today"; // also where the server's clock is ahead of this one
  return days === 1 ? "Yesterday" : formatted(day, at);
}

/**
 * @param {Intl.DateTimeFormat} format
 * @param {string} at
 */
function formatted(format, at) {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? "" : format.format(time);
}

/**
 * @param {Date} from
 * @param {Date} to
 */
function daysBetween(from, to) {
  const midnight = (/** @type {Date} */ d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  return Math.round((midnight(to) - midnight(from)) / 86_400_000);
}
