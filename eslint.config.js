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

export default [
  js.configs.recommended,
  noUnsanitized.configs.recommended,
  {
    files: ["static/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: {
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-restricted-properties": [
        "error",
        ...PARSERS,
        { object: "document", property: "write", message: "Build elements." },
        { object: "document", property: "writeln", message: "Build elements." },
      ],
      "no-restricted-globals": ["error", "DOMParser"],
    },
  },
  { files: ["tests/page/**/*.js"], languageOptions: { globals: globals.node } },
];
