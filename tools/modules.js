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

/** What `entry` imports, and what that imports: each once, the nearest first. @param {string} entry */
function modulesOf(entry) {
  const modules = [entry];
  for (const module of modules) {
    for (const [, found] of readFileSync(path.join(STATIC, module), "utf8").matchAll(IMPORTS)) {
      const imported = path.posix.join(path.posix.dirname(module), found);
      if (!modules.includes(imported)) modules.push(imported);
    }
  }
  return modules;
}

const [, ...imported] = modulesOf("/app.js");
const links = imported.map((module) => `    <link rel="modulepreload" href="${module}" />\n`);
const page = readFileSync(PAGE, "utf8");
const wanted = page.replace(LIST, (_, begin, end) => `${begin}${links.join("")}${end}`);
if (wanted !== page && process.argv.includes("--check")) {
  console.error("static/index.html does not name the modules that the page imports now: `make fmt` mends it.");
  process.exit(1);
}
if (wanted !== page) writeFileSync(PAGE, wanted);
