/**
 * Prepares the first paint: applies the theme, picks one of the two shells in index.html, and asks for the first data. A
 * classic script in the head, because modules run too late. One file, because each takes a round trip.
 */

/** The theme that was chosen in this browser. It only sets `color-scheme`; style sheets use `light-dark()`. */
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

/** The shell and the first requests depend on whether a user was signed in last. */
{
  /** The key with the id of the signed-in user; see lib/ids.js. */
  const WHO = "messenger.user";

  const isKnown = () => {
    try {
      return Boolean(localStorage.getItem(WHO));
    } catch {
      return false; // storage is switched off
    }
  };

  /** @param {string} href */
  const ask = (href) =>
    document.head.append(Object.assign(document.createElement("link"), { rel: "preload", as: "fetch", crossOrigin: "anonymous", href }));

  const root = document.documentElement;
  const [, conversation] = location.pathname.match(/^\/conversations\/([1-9]\d*)(?:\/|$)/) ?? [];
  root.toggleAttribute("data-home", location.pathname === "/");
  root.toggleAttribute("data-user", isKnown());
  ask("/api/auth_user");
  if (isKnown()) {
    ask("/api/conversations");
    if (conversation) ask(`/api/conversations/${conversation}/messages`);
  } else {
    ask("/api/sign_in_methods");
  }
}
