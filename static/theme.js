/**
 * Applies the theme that was chosen in this browser, before the first paint. A classic script in the head, because
 * modules run too late. A theme only sets `color-scheme`; style sheets use `light-dark()`.
 */
{
  /** @type {Record<string, string>} the background of the list, for the browser bars of phones */
  const BARS = { light: "#f4f2ed", dark: "#1c1f21" };
  /** @param {string} name */
  const metas = (name) => /** @type {NodeListOf<HTMLMetaElement>} */ (document.querySelectorAll(`meta[name="${name}"]`));

  /** @param {string | null} choice "light" or "dark"; any other value follows the system */
  const show = (choice) => {
    const chosen = choice !== null && choice in BARS ? choice : null;
    for (const meta of metas("color-scheme")) meta.content = chosen ?? "light dark";
    for (const meta of metas("theme-color")) meta.content = BARS[chosen ?? (meta.media.includes("dark") ? "dark" : "light")];
  };

  try {
    show(localStorage.getItem("messenger.theme"));
  } catch {
    // storage is switched off: follow the system
  }
  // A choice in another tab, or in <theme-switch> of this one.
  addEventListener("storage", ({ key, newValue }) => key === "messenger.theme" && show(newValue));
}
