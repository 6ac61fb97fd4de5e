/** Interprets key presses. */

/**
 * Whether the key press belongs to an input method that composes a letter (Japanese, Chinese, dead keys). Each key
 * handler must check this first, and ignore such keys. Safari marks the last key of a composition only by its code.
 * @param {KeyboardEvent} event
 */
export const belongsToComposition = (event) => event.isComposing || event.keyCode === 229;
