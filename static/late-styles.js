/**
 * Applies the style sheet that must not delay the first paint; until now, it was only for print. Modules of views that
 * need it import this, and so wait for it.
 */

const LONGEST_MILLISECONDS = 3000; // then a view is better without it than not at all

const link = document.querySelector('link[rel="stylesheet"][href="/styles/later.css"]');
if (link instanceof HTMLLinkElement) {
  link.media = "all";
  if (!link.sheet) await new Promise((resolve) => {
    for (const end of ["load", "error"]) link.addEventListener(end, resolve);
    setTimeout(resolve, LONGEST_MILLISECONDS);
  });
}

export {};
