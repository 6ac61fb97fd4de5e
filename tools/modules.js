/**
 * Writes the list of the page's first modules in index.html. With it, a browser requests all of them at once,
 * instead of one level of imports after the other. Those that showing a conversation does not need have a low priority:
 * requests of the page overtake them. `make fmt` runs `node tools/modules.js`. With --check it only
 * compares, as in `make check`.
 */

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const STATIC = path.join(import.meta.dirname, "../static");
const PAGE = path.join(STATIC, "index.html");
const ENTRIES = ["/app.js", "/components/access-page.js", "/writing.js", "/later.js"]; // in this order they are needed
const IMPORTS = /^(?:import|export)\s(?:[^;"']*?\sfrom\s)?["'](\.[^"']+)["'];/gm; // not import(…), which comes later
const LIST = /(<!-- modules[^>]*-->\n)(?:.*\n)*?(.*<!-- end of modules -->)/;

/** What the first of `entries` needs comes first, each once. @param {string[]} entries */
function neededBy(entries) {
  /** @type {Set<string>} */
  const known = new Set();
  for (const entry of entries) {
    known.add(entry);
    const graph = [entry];
    for (const module of graph) graph.push(...importsOf(module).filter((found) => !known.has(found) && known.add(found)));
  }
  return [...known];
}

/** @param {string} module */
function importsOf(module) {
  const found = readFileSync(path.join(STATIC, module), "utf8").matchAll(IMPORTS);
  return [...found].map(([, name]) => path.posix.join(path.posix.dirname(module), name));
}

const page = readFileSync(PAGE, "utf8");
const first = neededBy(ENTRIES.slice(0, 1));
const modules = neededBy(ENTRIES).filter((module) => !page.includes(` src="${module}"></script>`));
const links = modules.map((module) => {
  const priority = first.includes(module) ? "" : 'fetchpriority="low" ';
  return `    <link rel="modulepreload" ${priority}href="${module}" />\n`;
});
const wanted = page.replace(LIST, (_, begin, end) => `${begin}${links.join("")}${end}`);
if (wanted !== page && process.argv.includes("--check")) {
  console.error("static/index.html does not name the modules that the page imports now: `make fmt` mends it.");
  process.exit(1);
}
if (wanted !== page) writeFileSync(PAGE, wanted);
