/**
 * The theme that was chosen in this browser, before anything is painted: a classic script in the head, because
 * modules come too late for that. `color-scheme` is all there is to a theme; style sheets say `light-dark()`.
 */
{
  /** @type {Record<string, string>} what the style sheets have behind the list, for the bars of a phone */
  const BARS = { light: "#f4f2ed", dark: "#1c1f21" };
  /** @param {string} name */
  const metas = (name) => /** @type {NodeListOf<HTMLMetaElement>} */ (document.querySelectorAll(`meta[name="${name}"]`));

  /** @param {string | null} choice "light" or "dark"; anything else leaves it to the system */
  const show = (choice) => {
    const chosen = choice !== null && choice in BARS ? choice : null;
    for (const meta of metas("color-scheme")) meta.content = chosen ?? "light dark";
    for (const meta of metas("theme-color")) meta.content = BARS[chosen ?? (meta.media.includes("dark") ? "dark" : "light")];
  };

  try {
    show(localStorage.getItem("messenger.theme"));
  } catch {
    // storage is switched off: as the system has it
  }
  // Other tabs tell of a choice so, and <theme-switch> of this one.
  addEventListener("storage", ({ key, newValue }) => key === "messenger.theme" && show(newValue));
}
