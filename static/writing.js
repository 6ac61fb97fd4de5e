/**
 * Loads what writing a message needs: the drafts, the composer, the outbox and the session. It loads as one unit, right
 * after the elements that show messages.
 */

import "./lib/focus.js"; // app.js imports it, to keep the focus that the composer takes
import "./drafts.js"; // app.js imports it before this module
import "./components/message-composer.js";
export { Intents } from "./intents.js";
export { Outbox } from "./outbox.js";
export * as session from "./session.js";
