import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/**
 * Every example of the documentation runs: those in docstrings, in README.md and in docs/. An example imports from `reconloss` or `@reconloss/core`,
 * or one of their subpaths; a comment `// 0.25` after an expression statement is what the expression must be.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const cache = join(root, ".cache", "examples");
mkdirSync(cache, { recursive: true });

function filesUnder(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
}

interface Example {
  where: string;
  code: string;
}

function examplesIn(file: string): Example[] {
  const text = readFileSync(join(root, file), "utf8");
  const fence = /^([ \t]*(?:\*[ \t])?)```ts\n([\s\S]*?)^\1```/gm;
  return [...text.matchAll(fence)].map(({ index, 1: prefix, 2: body }) => ({
    where: `${file}:${text.slice(0, index).split("\n").length}`,
    code: body
      .split("\n")
      .map((line) => (line.startsWith(prefix) ? line.slice(prefix.length) : line.replace(/^\s*\*\s?/, "")))
      .join("\n"),
  }));
}

/** `expression; // value` as a check that the expression is the value. */
function withChecks(code: string): string {
  const statement =
    /^(?!(?:const|let|import|export|for|if|return)\b)(\S.*?);\s*\/\/ (-?[\d.]+(?:e-?\d+)?|Infinity|true|false|"[^"]*"|\[.*?\])(?:[ :,].*)?$/gm;
  return code.replace(statement, (_, expression, value) => `check(${expression}, ${value});`);
}

function runnable({ code }: Example): string {
  return `import { check } from "${join(root, "test", "example-check.ts")}";\n${withChecks(code)}\nexport {};\n`;
}

const sources = [
  ...filesUnder("packages/core/src", ".ts").filter((file) => !file.includes("kernels/assembly")),
  ...filesUnder("packages/reconloss/src", ".ts"),
  "README.md",
  "packages/core/README.md",
  ...filesUnder("docs", ".md"),
];
const examples = sources.flatMap(examplesIn).filter(({ code }) => /from "(@reconloss\/core|reconloss)/.test(code));

describe("documented examples run", () => {
  test.each(examples)("$where", async (example) => {
    const path = join(cache, `${example.where.replaceAll(/[^\w]+/g, "-")}.ts`);
    writeFileSync(path, runnable(example));
    await import(/* @vite-ignore */ path);
  });
});

test("every exported function and class has an example", async () => {
  const exported = Object.entries(await import("../packages/reconloss/src/index.ts")).filter(
    ([, value]) => typeof value === "function",
  );
  const missing = exported.map(([name]) => name).filter((name) => !examples.some(({ code }) => code.includes(name)));
  expect(missing).toEqual([]);
});
