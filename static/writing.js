/**
 * Loads what writing a message needs: the composer, the outbox and the session. It loads as one unit, right after the
 * elements that show messages.
 */

import "./components/message-composer.js";
export { Outbox } from "./outbox.js";
export * as session from "./session.js";
