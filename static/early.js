/**
 * Picks one of the two shells in index.html, and the first requests, by whether a user was signed in last. A classic
 * script in the head, which runs before the modules.
 */
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
