import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

/** The rule of CONTRIBUTING.md for doc comments, of which the words are those that a sentence about a thing cannot begin with. */
const question = /\/\*\*\s+(?:\*\s+)?(?:What|How|Where|Which|Who|Why)\b/g;

const packages = join(import.meta.dirname, "../packages");
const sources = readdirSync(packages, { recursive: true, encoding: "utf8" }).filter((path) =>
  /^[^/\\]+[/\\]src[/\\].*\.ts$/.test(path),
);

it("doc comments begin with what a thing is or does, not with a question word", () => {
  expect("/** What it is. */\n/**\n * How it is. */".match(question)).toHaveLength(2);
  const found = sources.filter((path) => new RegExp(question.source).test(readFileSync(join(packages, path), "utf8")));
  expect(sources.length).toBeGreaterThan(200);
  expect(found).toEqual([]);
});
