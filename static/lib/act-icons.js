/** Icons of what users can do with messages, beside those in icon.js. They load later. */

import { drawn } from "./icon.js";

const PATHS = {
  reply: "M9 6 4 11l5 5M4.5 11H14a6 6 0 0 1 6 6v1.5",
  more: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  add: "M12 6v12M6 12h12",
  edit: "m5 19 .8-3.6L16.5 4.7l2.8 2.8L8.6 18.2ZM14.5 6.7l2.8 2.8",
  close: "m6.5 6.5 11 11M17.5 6.5l-11 11",
};

/** @param {keyof typeof PATHS} name */
export const actIcon = (name) => drawn(PATHS[name]);
