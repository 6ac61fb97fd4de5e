/** What has been written and not been sent, by conversation: kept in the browser for one user. */

export class Unsent {
  #prefix;
  /** @type {Map<string, string>} where the browser keeps nothing */
  #memory = new Map();

  /** @param {string} userId */
  constructor(userId) {
    this.#prefix = `messenger.unsent.${userId}.`;
  }

  /** @param {string} conversationId */
  get(conversationId) {
    return this.#memory.get(conversationId) ?? kept()?.getItem(this.#prefix + conversationId) ?? "";
  }

  /**
   * @param {string} conversationId
   * @param {string} text
   */
  set(conversationId, text) {
    const key = this.#prefix + conversationId;
    this.#memory.delete(conversationId);
    try {
      if (text === "") kept()?.removeItem(key);
      else localStorage.setItem(key, text);
    } catch {
      this.#memory.set(conversationId, text);
    }
  }

  /** How many conversations have some. */
  get count() {
    const texts = [...this.#memory.values(), ...this.#keys().map((key) => kept()?.getItem(key) ?? "")];
    return texts.filter((text) => text.trim() !== "").length;
  }

  async clear() {
    this.#memory.clear();
    for (const key of this.#keys()) kept()?.removeItem(key);
  }

  #keys() {
    return Object.keys(kept() ?? {}).filter((key) => key.startsWith(this.#prefix));
  }
}

function kept() {
  try {
    return localStorage;
  } catch {
    return null; // storage is switched off
  }
}
