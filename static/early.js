/**
 * What is known before any module has loaded: which user was signed in last. It decides which of the two shells in
 * index.html is shown, and what is asked of the server first. A classic script in the head, ahead of the modules.
 */
{
  /** Under this key the tabs tell each other who is signed in: lib/ids.js. */
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
