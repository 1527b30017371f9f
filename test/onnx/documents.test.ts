import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { modelMetricOptions } from "../../packages/reconloss/src/compare/model-metric.ts";
import { networkSchema } from "../../packages/reconloss/src/onnx/options.ts";
import { networkPresets } from "../../packages/reconloss/src/onnx/presets.ts";
import { run } from "../cli/run.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const section = (path: string, title: string) => read(path).split(`## ${title}\n`)[1].split("\n## ")[0];

test("docs/distribution.md and the help list exactly the options of --input", async () => {
  const rows = section("docs/distribution.md", "Networks of one's own")
    .split("\n")
    .filter((line) => /^\| `\w/.test(line));
  const named = rows.flatMap((row) => [...row.split("|")[1].matchAll(/`(\w+)`/g)].map(([, name]) => name));
  const presets = Object.keys(networkPresets);
  expect(named).toEqual([...Object.keys(networkSchema), ...presets]);
  const help = (await run(["distribution", "--help"])).stdout.replaceAll(/\s+/g, " ");
  for (const option of [...Object.keys(networkSchema), ...presets]) expect(help).toContain(option);
});

test("docs/conventions.md and the help list every option of --metric-model", async () => {
  const text = section("docs/conventions.md", "Models as metrics");
  const help = (await run(["compare", "--help"])).stdout.replaceAll(/\s+/g, " ");
  for (const option of modelMetricOptions) {
    expect(text).toMatch(new RegExp(`\`${option}[\`=]`));
    expect(help).toContain(option);
  }
});

test("the documentation names each preset's file and its metric", () => {
  const text = section("docs/distribution.md", "Networks of one's own");
  for (const [preset, { file, features, names }] of Object.entries(networkPresets)) {
    const row = text.split("\n").find((line) => line.startsWith(`| \`${preset}\``)) ?? "";
    const [, part, address] = /^(\S+) of (\S+)/.exec(file) ?? [];
    for (const word of [part, address, String(features), ...Object.values(names)]) expect(row).toContain(word);
  }
});
