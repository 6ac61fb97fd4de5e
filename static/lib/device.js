/** Names a browser and its system from the `User-Agent`. */

import { beginning } from "./pieces.js";
import { words } from "../words.js";

/** The first match counts, because each `User-Agent` also names browsers below. @type {[RegExp, string][]} */
const BROWSERS = [
  [/\bEdg(e|A|iOS)?\//, "Edge"],
  [/\b(OPR|Opera)\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(Firefox|FxiOS)\//, "Firefox"],
  [/\b(Chrome|Chromium|CriOS|HeadlessChrome)\//, "Chrome"],
  [/\bVersion\/.*\bSafari\//, "Safari"],
];

/** @type {[RegExp, string][]} */
const SYSTEMS = [
  [/\bAndroid\b/, "Android"],
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bWindows\b/, "Windows"],
  [/\bMac(intosh| OS X)\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

const LONGEST = 60; // characters of an unknown `User-Agent`

/** @param {string} userAgent */
export function deviceName(userAgent) {
  const browser = named(BROWSERS, userAgent);
  const system = named(SYSTEMS, userAgent);
  if (browser && system) return words.devices.named(browser, system);
  return browser ?? system ?? (beginning(userAgent.trim(), LONGEST) || words.devices.unknown);
}

/**
 * @param {[RegExp, string][]} known
 * @param {string} userAgent
 */
const named = (known, userAgent) => known.find(([pattern]) => pattern.test(userAgent))?.[1];
