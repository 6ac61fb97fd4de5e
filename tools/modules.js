/**
 * The modules that the page begins with are named in index.html, so that a browser asks for all of them at once
 * and not one depth of imports after the other. `node tools/modules.js` writes that list anew from what the
 * modules import, as `make fmt` does; with --check it only looks, as `make check` does.
 */

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const STATIC = path.join(import.meta.dirname, "../static");
const PAGE = path.join(STATIC, "index.html");
const IMPORTS = /^(?:import|export)\s(?:[^;"']*?\sfrom\s)?["'](\.[^"']+)["'];/gm; // not import(…), which comes later
const LIST = /(<!-- modules[^>]*-->\n)(?:.*\n)*?(.*<!-- end of modules -->)/;

/** Each once; what the first of `entries` needs comes first. @param {string[]} entries */
function importedBy(entries) {
  const known = new Set(entries);
  for (const entry of entries) {
    const graph = [entry];
    for (const module of graph) graph.push(...importsOf(module).filter((found) => !known.has(found) && known.add(found)));
  }
  return [...known].slice(entries.length);
}

/** @param {string} module */
function importsOf(module) {
  const found = readFileSync(path.join(STATIC, module), "utf8").matchAll(IMPORTS);
  return [...found].map(([, name]) => path.posix.join(path.posix.dirname(module), name));
}

const links = importedBy(["/app.js", "/later.js"]).map((module) => `    <link rel="modulepreload" href="${module}" />\n`);
const page = readFileSync(PAGE, "utf8");
const wanted = page.replace(LIST, (_, begin, end) => `${begin}${links.join("")}${end}`);
if (wanted !== page && process.argv.includes("--check")) {
  console.error("static/index.html does not name the modules that the page imports now: `make fmt` mends it.");
  process.exit(1);
}
if (wanted !== page) writeFileSync(PAGE, wanted);
