/**
 * Finds links in a text: http and https, `www.` names, and e-mail. linkify-it finds the end of each. This module first
 * refuses links that could mislead a reader. Pure.
 */

import { LinkifyIt } from "../vendor/linkify-it@6.1.0/index.js";
import { mayHaveLinks } from "./pieces.js";

/** @typedef {{index: number, text: string, href: string}} Found */

const linkify = new LinkifyIt({ urlAuth: true });

// Characters that reverse or hide letters end a link, because it would look like another one. So does the punctuation
// of scripts without spaces.
const RUN = /[^\s<>"`\p{Cc}\p{Cf}\p{Cs}\p{Z}。，、；！？「」『』【】《》]+/gu;
const START = new RegExp(
  [
    String.raw`(?<web>(?<![A-Za-z0-9_])https?:\/\/)`,
    String.raw`(?<www>(?<![A-Za-z0-9_@./:-])www\.(?=[^.]))`,
    String.raw`(?<mail>(?<![A-Za-z0-9_@./+%-])(?:mailto:)?[A-Za-z0-9][\w.+%&=~!#$'*?^|{}-]{0,63}(?=@))`,
  ].join("|"),
  "giu",
);
const RESERVED = /\.(?:example|invalid|local|localhost|test)$/i; // RFC 2606: names under these never resolve
const FOREIGN = /[^\0-\x7f\p{Script=Latin}\p{Script=Inherited}]/u;
const COMPLETE = /(?:\.(?:[a-z]{2,}|xn--[a-z0-9-]+|\d+)|^[a-z0-9-]+|\])(?::\d+)?$/i; // a host may end here
const MOST_LINKS = 500; // a message has no space for more useful ones
const PUNCTUATION = /[.,;:!?'"*_~…»”’]+$/u;

/**
 * @param {string} text
 * @returns {Found[]} in their order
 */
export function linksIn(text) {
  /** @type {Found[]} */
  const links = [];
  if (!mayHaveLinks(text)) return links;
  for (const { index, 0: run } of text.matchAll(RUN)) {
    if (!mayHaveLinks(run)) continue;
    links.push(...linksInRun(run).map((found) => ({ ...found, index: index + found.index })));
    if (links.length >= MOST_LINKS) break;
  }
  return links;
}

/** @param {string} run without spaces */
function linksInRun(run) {
  /** @type {Found[]} */
  const found = [];
  let end = 0;
  for (const { index, groups = {}, 0: start } of run.matchAll(START)) {
    if (index < end) continue;
    const rest = run.slice(index);
    const text = groups.mail ? mailAt(rest, start) : webAt(rest, groups.www ? "https://" : "");
    end = index + (text || authorityOf(rest, start.length)).length; // a refused link is refused as a whole
    const href = text && (groups.mail ? hrefOfMail(text) : hrefOfWeb(groups.www ? `https://${text}` : text));
    if (text && href) found.push({ index, text, href });
    if (found.length === MOST_LINKS) break;
  }
  return found;
}

/**
 * Returns an empty text if a reader could take a user name for the host (`https://bank.example@evil.example`).
 * @param {string} rest
 * @param {string} scheme that is not written
 */
function webAt(rest, scheme) {
  const whole = scheme + rest;
  const begin = whole.indexOf("//") + 2;
  const authority = authorityOf(whole, begin);
  if (authority.slice(begin).includes("@")) return "";
  const length = linkify.testSchemaAt(withoutForeign(whole, authority, begin), "https:", begin - 2);
  const text = length ? whole.slice(scheme.length, begin - 2 + length).replace(PUNCTUATION, "") : "";
  return scheme && !isName(text) ? "" : text;
}

/**
 * @param {string} rest
 * @param {string} start the name, up to the @
 */
function mailAt(rest, start) {
  const begin = /^mailto:/i.test(start) ? "mailto:".length : 0;
  const authority = authorityOf(rest, start.length + 1);
  const length = linkify.testSchemaAt(withoutForeign(rest, authority, start.length + 1), "mailto:", begin);
  const text = length ? rest.slice(0, begin + length).replace(PUNCTUATION, "") : "";
  return text.slice(start.length).includes(".") ? text : "";
}

/**
 * @param {string} rest
 * @param {number} begin
 */
const authorityOf = (rest, begin) => rest.slice(0, begin) + (rest.slice(begin).match(/^[^/?#\\]*/)?.[0] ?? "");

/**
 * Ends a host of one script where another script begins: in `https://example.comです`, です is not part of the name.
 * @param {string} rest
 * @param {string} authority
 * @param {number} begin of the host
 */
function withoutForeign(rest, authority, begin) {
  const at = authority.slice(begin).search(FOREIGN);
  if (at < 1 || !COMPLETE.test(authority.slice(begin, begin + at))) return rest;
  const isOneLabel = !authority.slice(begin, begin + at).includes(".");
  if (isOneLabel && authority.slice(begin + at).includes(".")) return rest; // abc日本.jp is one name
  return rest.slice(0, begin + at);
}

/** @param {string} text */
function isName(text) {
  const host = text.split(/[/?#:]/)[0];
  return host.split(".").length > 2 && !RESERVED.test(host);
}

/** @param {string} text */
function hrefOfWeb(text) {
  try {
    const { username, password, href } = new URL(text); // URL.canParse of Node 20 is wrong for letters like ü
    return username || password ? "" : href;
  } catch {
    return "";
  }
}

/** Escapes characters with a meaning in a mailto: URL. @param {string} text */
function hrefOfMail(text) {
  const address = text.replace(/^mailto:/i, "");
  const at = address.lastIndexOf("@");
  return `mailto:${encodeURIComponent(address.slice(0, at)).replaceAll("%2B", "+")}${address.slice(at)}`;
}
