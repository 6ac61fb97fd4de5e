import js from "@eslint/js";
import noUnsanitized from "eslint-plugin-no-unsanitized";
import globals from "globals";

// Text of others is only ever text: what parses a string as HTML or runs it as a program is banned.
const PARSERS = [
  "innerHTML",
  "outerHTML",
  "insertAdjacentHTML",
  "setHTMLUnsafe",
  "parseHTMLUnsafe",
  "createContextualFragment",
  "parseFromString",
  "srcdoc",
].map((property) => ({ property, message: "Build elements; user text is text." }));

// What people read or hear stands in words.js. These find it elsewhere: by where it is put, or by how it looks.
const SPOKEN = "/^(aria-label|aria-description|aria-roledescription|title|placeholder|alt|textContent|innerText|ariaLabel)$/";
const LETTERS = "[value=/[A-Za-z]{2}/]";
const PROSE = "/[a-z] [a-z]+.*[.?!…]$|^[A-Z][a-z']+ [a-z]|^ [a-z]+ $/";
const SENTENCES = [
  `Property[key.value=${SPOKEN}] > Literal.value${LETTERS}`,
  `Property[key.name=${SPOKEN}] > Literal.value${LETTERS}`,
  `AssignmentExpression[left.property.name=${SPOKEN}] > Literal${LETTERS}`,
  `CallExpression[callee.property.name="setAttribute"][arguments.0.value=${SPOKEN}] > Literal.arguments:nth-child(2)`,
  `CallExpression[callee.name="el"] > Literal.arguments:not(:first-child)${LETTERS}`,
  `CallExpression[callee.name=/^(action|notice)$/] > Literal.arguments${LETTERS}`,
  `CallExpression[callee.property.name=/^(replaceChildren|replaceWith|append|prepend|before|after)$/] > Literal.arguments${LETTERS}`,
  `:not(NewExpression, ImportDeclaration) > Literal[value=${PROSE}]`, // the message of an error is for the console
  `TemplateElement[value.raw=${PROSE}]`,
].map((selector) => ({ selector, message: "Texts of the page belong in static/words.js." }));

/** Forbids imports against the order `app → components → {store, api, lib}` and `shared-stream → stream`. */
const without = (files, group, message) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns: [{ group, message }] }] },
});

export default [
  { ignores: ["static/vendor/"] },
  js.configs.recommended,
  noUnsanitized.configs.recommended,
  {
    files: ["static/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: {
      eqeqeq: "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-script-url": "error",
      "no-restricted-properties": [
        "error",
        ...PARSERS,
        { object: "document", property: "write", message: "Build elements." },
        { object: "document", property: "writeln", message: "Build elements." },
      ],
      "no-restricted-globals": ["error", "DOMParser"],
    },
  },
  { files: ["static/**/*.js"], ignores: ["static/words.js", "static/act-words.js"], rules: { "no-restricted-syntax": ["error", ...SENTENCES] } },
  without(["static/store.js"], ["./*", "!./lib/", "!./state/"], "The state imports only its parts, lib and types."),
  without(["static/state/*.js"], ["../*", "!../lib/"], "The state imports only its parts, lib and types."),
  without(["static/shared-stream.js"], ["./components/*", "./api.js", "./app.js"], "It only carries events."),
  without(["static/lib/*.js"], ["../*", "!../words.js", "!../vendor"], "lib imports only words and vendor."),
  without(["static/api.js", "static/session.js"], ["./components/*", "./store.js", "./stream.js", "./app.js"], "These modules send requests, and do not draw."),
  without(["static/stream.js"], ["./components/*", "./api.js", "./app.js"], "The stream only carries events."),
  without(["static/components/*.js"], ["../app.js", "../stream.js", "../session.js", "../outbox.js"], "Components use their context."),
  { files: ["static/needs.js"], rules: { "no-unused-vars": ["error", { caughtErrors: "none" }], "no-var": "off" } },
  { files: ["static/sw.js"], languageOptions: { globals: globals.serviceworker } },
  { files: ["tests/page/**/*.js", "tools/*.js", "examples/*.mjs"], languageOptions: { globals: globals.node } },
];
