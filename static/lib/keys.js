/** What a key press is for. */

/**
 * Whether it belongs to the composing of a letter (Japanese, Chinese, dead keys), and so to nobody else: the
 * first question of each key handler. Safari tells of the key that ends a composition by its code alone.
 * @param {KeyboardEvent} event
 */
export const belongsToComposition = (event) => event.isComposing || event.keyCode === 229;
