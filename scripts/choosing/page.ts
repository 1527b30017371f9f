import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type Loss, parseLoss } from "../../packages/core/src/losses/index.ts";
import { judgeSpecs } from "./judges.ts";
import { denoisingTrials, experiments, labelOf, pixelTrials, shortened, type Trial } from "./plan.ts";
import { type Results, type Rows, readResults } from "./results.ts";
import { type Row, scoreTable } from "./tables.ts";

/** The files of results that the page is made from. */
export const resultsPath = fileURLToPath(new URL("results.json", import.meta.url));

/** Writes docs/choosing.md: the text of page.md, with tables of the results in place of `{{name}}`. */
export async function writePage(path: string, results: string = resultsPath): Promise<void> {
  const template = await readFile(fileURLToPath(new URL("page.md", import.meta.url)), "utf8");
  await writeFile(path, fill(template, partsOf(await readResults(results))));
}

/** The text that replaces each placeholder, by name. */
function partsOf(results: Results): Record<string, string> {
  const [usual, further] = [judgeSpecs.usual, judgeSpecs.further].map((specs) => specs.map((spec) => parseLoss(spec)));
  const parts: Record<string, string> = {};
  for (const { name, trials, steps, batch, patch, judged, side, without } of experiments) {
    const table = (judges: readonly Loss[]) => tableOf(judges, trials, results[name] ?? {}, without, "the photographs");
    parts[name] = table(usual);
    parts[`${name}-further`] = table(further);
    parts[`${name}-training`] =
      `${steps} steps of ${batch} patches of ${patch}x${patch} pixels, evaluated on ${judged} photographs${side ? `, a square of ${side}x${side} pixels of each` : ""}`;
  }
  for (const [name, trials] of [
    ["noise", pixelTrials],
    ["noise-early", pixelTrials],
    ["noisy", denoisingTrials],
  ] as const) {
    parts[name] = tableOf(usual, trials, results[name] ?? {}, "at first", "the photograph");
  }
  parts.shortened = shortened.map((loss) => `\`${loss}\``).join(", ");
  return parts;
}

/** The trials that have results by these judges, between what there is at first and the photographs themselves. */
function tableOf(judges: readonly Loss[], trials: readonly Trial[], rows: Rows, first: string, last: string): string {
  const more = ["steps", "ms/step"].filter((title) => Object.values(rows).some((row) => row[title] !== undefined));
  const all = [
    { name: "without", title: `*${first}*` },
    ...trials.map((trial) => ({ name: trial.name, title: `\`${labelOf(trial)}\`` })),
    { name: "truth", title: `*${last}*` },
  ];
  const shown = all.filter(({ name }) => judges.some(({ spec }) => rows[name]?.[spec] !== undefined));
  const cells = shown.map(({ name, title }): Row => {
    const scores = rows[name];
    const others = judges[0].spec === "psnr" ? more.map((key) => String(scores[key] ?? "")) : [];
    return { title, scores, isReference: name === "truth", more: others };
  });
  return scoreTable(judges, cells, rows.truth ?? {}, judges[0].spec === "psnr" ? more : []);
}

/** A template with values in place of `{{name}}`. */
function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{\{([\w-]+)\}\}/g, (_, name: string) => {
    if (!Object.hasOwn(values, name)) throw new Error(`page.md: there is no ${name}`);
    return values[name];
  });
}
