/**
 * Ignores files that are dropped on the page and pasted pictures, and shows that files can't be sent yet. Without
 * this, a browser would leave the page to open a dropped file.
 */

import { el } from "./lib/dom.js";
import { words } from "./words.js";

const SHOWN_MILLISECONDS = 6000;

const place = el("p", { class: "toast", role: "status" });
let timer = 0;

document.body.append(place);
addEventListener("dragover", (event) => isTaken(event) || event.preventDefault());
addEventListener("drop", (event) => {
  if (isTaken(event)) return;
  event.preventDefault();
  if (hasFiles(event.dataTransfer)) tell();
});
addEventListener("paste", ({ clipboardData }) => {
  if (hasFiles(clipboardData) && !clipboardData?.types.includes("text/plain")) tell();
});

/** Whether a field accepts the drop as text. @param {DragEvent} event */
const isTaken = ({ target, dataTransfer }) =>
  !hasFiles(dataTransfer) && target instanceof Element && target.closest("input, textarea") !== null;

/** @param {DataTransfer | null} data */
const hasFiles = (data) => data?.types.includes("Files") ?? false;

function tell() {
  place.textContent = words.files.notYet;
  clearTimeout(timer);
  timer = setTimeout(() => (place.textContent = ""), SHOWN_MILLISECONDS);
}
