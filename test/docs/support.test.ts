import { existsSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { codeIn, readText, tableRows } from "./tables.ts";

/** docs/support.md calls nothing tested but what a test of this repository runs in. */

const page = readText("docs/support.md");
const rows = tableRows(page);
const { devDependencies } = JSON.parse(readText("package.json"));
const { optionalDependencies } = JSON.parse(readText("test/packages/runtimes/package.json"));

test("every test that the page names exists", () => {
  const named = codeIn(page).filter((code) => code.startsWith("test/"));
  expect(named.length).toBeGreaterThan(15);
  for (const path of named) expect(existsSync(new URL(`../../${path}`, import.meta.url)), path).toBe(true);
});

test('every row names its test or says "not tested"', () => {
  for (const row of rows) {
    const cells = Object.values(row).join(" ");
    const isTested = /test\//.test(row["tested by"] ?? "");
    expect(isTested || /not tested/.test(cells), cells).toBe(true);
  }
});

test("the versions on the page are those that the tests install", () => {
  const major = (version: string) => version.replace(/^npm:.*@/, "").split(".")[0];
  const minor = (version: string) => version.split(".").slice(0, 2).join(".");
  for (const version of ["20", "22", "24"]) expect(major(optionalDependencies[`node-${version}`])).toBe(version);
  expect(page).toContain(`| Bun ${minor(optionalDependencies["@oven/bun-linux-x64"])} |`);
  expect(page).toContain(`| Deno ${minor(optionalDependencies["@deno/linux-x64-glibc"])} |`);
  expect(page).toContain(`| Vite ${major(devDependencies.vite)},`);
  expect(page).toContain(`| webpack ${major(devDependencies.webpack)} |`);
  expect(page).toContain(`| TensorFlow.js ${minor(devDependencies["@tensorflow/tfjs-core"])},`);
  expect(page).toContain(`| jax-js ${minor(devDependencies["@jax-js/jax"])} |`);
  expect(page).toContain(`| Vitest ${major(devDependencies.vitest)},`);
  expect(page).toContain(`| Jest ${major(optionalDependencies.jest)},`);
});

test("no test launches the browsers that the page calls untested", () => {
  const tests = readdirSync(new URL("..", import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.startsWith("docs"))
    .map((name) => readText(`test/${name}`));
  for (const engine of [/firefox\.launch/, /webkit\.launch/])
    expect(tests.some((text) => engine.test(text))).toBe(false);
});
