/**
 * Changes to a field that undo and redo survive: they go through the browser's own editor, or begin a history of
 * their own. Chromium would apply what it remembers to another text than it was typed into.
 */

/**
 * Puts `text` where the selection is, as if it had been typed; the field has the focus afterwards.
 * @param {HTMLInputElement | HTMLTextAreaElement} field
 * @param {string} text
 */
export function insertText(field, text) {
  field.focus();
  const command = text === "" ? "delete" : "insertText";
  if (document.execCommand(command, false, text)) return;
  field.setRangeText(text, field.selectionStart ?? 0, field.selectionEnd ?? 0, "end"); // undo is lost, the text is not
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

/**
 * @param {HTMLInputElement | HTMLTextAreaElement} field
 * @param {string} text
 */
export function replaceText(field, text) {
  if (field.value === text) return;
  field.select();
  insertText(field, text);
}

/**
 * Puts another text there, of which undo knows nothing: what was before it is over.
 * @param {HTMLInputElement | HTMLTextAreaElement} field
 * @param {string} text
 */
export function beginAnew(field, text) {
  field.value = text;
  const parent = field.parentElement;
  if (parent && "moveBefore" in parent && field.isConnected) parent.moveBefore(field, field.nextSibling); // forgets
}
