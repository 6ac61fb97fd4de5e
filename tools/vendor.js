/**
 * Copies the page's libraries from npm to static/vendor/, each under its name and version. The page has no build,
 * and loads nothing from another host. `make fmt` runs `node tools/vendor.js`. With --check it only compares, as in
 * `make check`. It turns imports by name into paths, and changes nothing else.
 */

import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

const ROOT = path.join(import.meta.dirname, "..");
const VENDOR = path.join(ROOT, "static/vendor");

/** What is copied from each package, and under which name. @type {Record<string, Record<string, string>>} */
const FILES = {
  "linkify-it": { "build/index.mjs": "index.js", "build/index.d.ts": "index.d.ts", LICENSE: "LICENSE.txt" },
  "uc.micro": { "build/index.mjs": "index.js", "build/index.d.ts": "index.d.ts", "LICENSE.txt": "LICENSE.txt" },
};

/** @param {string} name @param {string} file */
const installed = (name, file) => readFileSync(path.join(ROOT, "node_modules", name, file), "utf8");

/** @param {string} name */
const folderOf = (name) => `${name}@${JSON.parse(installed(name, "package.json")).version}`;

/** Replaces names by paths, and removes the links to source maps, which are not copied. @param {string} text */
function adapted(text) {
  const names = Object.keys(FILES).join("|").replaceAll(".", "\\.");
  return text
    .replace(new RegExp(`(from\\s+["'])(${names})(["'])`, "g"), (_, from, name, end) => `${from}../${folderOf(name)}/index.js${end}`)
    .replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
}

/** @type {Map<string, string>} */
const wanted = new Map();
for (const [name, files] of Object.entries(FILES)) {
  for (const [from, to] of Object.entries(files)) wanted.set(`${folderOf(name)}/${to}`, adapted(installed(name, from)));
}

if (process.argv.includes("--check")) {
  const found = readdirSync(VENDOR, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = found.map((entry) => path.relative(VENDOR, path.join(entry.parentPath, entry.name)));
  const odd = paths.filter((file) => readFileSync(path.join(VENDOR, file), "utf8") !== wanted.get(file));
  const missing = [...wanted.keys()].filter((file) => !paths.includes(file));
  if (odd.length + missing.length > 0) {
    console.error(`static/vendor differs from what npm has: ${[...odd, ...missing].join(", ")}. \`make fmt\` copies it anew.`);
    process.exit(1);
  }
} else {
  rmSync(VENDOR, { recursive: true, force: true });
  for (const [file, text] of wanted) {
    mkdirSync(path.dirname(path.join(VENDOR, file)), { recursive: true });
    writeFileSync(path.join(VENDOR, file), text);
  }
}
