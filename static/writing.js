/**
 * What one writes with, and what keeps and sends it: this comes right after what has been written, and all of it
 * at once.
 */

import "./components/message-composer.js";
export { Outbox } from "./outbox.js";
export * as session from "./session.js";
