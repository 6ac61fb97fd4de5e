/**
 * Changes a field without breaking undo and redo: through the browser's editor, or with a new history. Otherwise
 * Chromium would apply its history to a different text.
 */

/**
 * Replaces the selection by `text`, like typing. The field has the focus afterwards.
 * @param {HTMLInputElement | HTMLTextAreaElement} field
 * @param {string} text
 */
export function insertText(field, text) {
  field.focus();
  const command = text === "" ? "delete" : "insertText";
  if (document.execCommand(command, false, text)) return;
  field.setRangeText(text, field.selectionStart ?? 0, field.selectionEnd ?? 0, "end"); // without undo
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
 * Sets another text with an empty undo history.
 * @param {HTMLInputElement | HTMLTextAreaElement} field
 * @param {string} text
 */
export function beginAnew(field, text) {
  field.value = text;
  const parent = field.parentElement;
  if (parent && "moveBefore" in parent && field.isConnected) parent.moveBefore(field, field.nextSibling); // clears the undo history
}
