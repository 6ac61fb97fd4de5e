/** Moves the read marker on the server: at once, and then at most once in `PAUSE_MILLISECONDS`. */

import { backoff, pause } from "../lib/backoff.js";
import { compareIds } from "../lib/ids.js";

const PAUSE_MILLISECONDS = 300; // at fifty messages a second, three requests a second keep up

export class ReadMarker {
  #wanted = "0";
  #told = "0";
  #busy = false;

  /**
   * @param {(messageId: string) => Promise<unknown>} tell
   * @param {(error: unknown) => boolean} refused whether to give up; else it tries again
   */
  constructor(tell, refused) {
    this.tell = tell;
    this.refused = refused;
  }

  /**
   * The marker only moves forward.
   * @param {string} messageId
   */
  moveTo(messageId) {
    if (compareIds(messageId, this.#wanted) <= 0) return;
    this.#wanted = messageId;
    if (!this.#busy) this.#run();
  }

  async #run() {
    this.#busy = true;
    for (let failures = 0; this.#told !== this.#wanted; ) {
      const wanted = this.#wanted;
      try {
        await this.tell(wanted);
        this.#told = wanted;
        failures = 0;
      } catch (error) {
        failures += 1;
        if (this.refused(error)) this.#told = wanted;
      }
      await pause(failures === 0 ? PAUSE_MILLISECONDS : backoff(failures));
    }
    this.#busy = false;
  }
}
