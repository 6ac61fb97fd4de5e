/** Copies text. */

/**
 * Resolves with whether the text is in the clipboard. Pages over http:// to another machine have only the old command.
 * @param {string} text
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByCommand(text);
  }
}

/** @param {string} text */
function copyByCommand(text) {
  const copy = (/** @type {ClipboardEvent} */ event) => {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  document.addEventListener("copy", copy, { capture: true, once: true });
  const isCopied = document.execCommand("copy");
  document.removeEventListener("copy", copy, { capture: true });
  return isCopied;
}
