import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { networkPart } from "./network-part.ts";
import { learntFrom } from "./networks.ts";
import { pixelPart } from "./pixel-part.ts";
import { labelOf } from "./plan.ts";
import { type Project, timesOf } from "./project.ts";

/**
 * Writes docs/choosing.md, and its pictures into a folder beside it: the text of page.md, with tables and pictures of what was computed in place of `{{name}}`.
 *
 * @param about - what the photographs are
 */
export async function writePage(path: string, project: Project, about = ""): Promise<void> {
  const { setup, experiments, missing, noise, noisy } = project;
  const pictures = join(dirname(path), "choosing");
  const parts: Record<string, string | number> = { about, learntFrom: await learntFrom(setup) };
  for (const experiment of experiments) {
    const { name } = experiment;
    const part = await networkPart(project, experiment, pictures, await timesOf(project, experiment));
    parts[name] = part.tables.usual;
    for (const key of ["steps", "batch", "patch"] as const) parts[`${name}-${key}`] = experiment[key];
    parts[`${name}-further`] = part.tables.further;
    parts[`${name}-pictures`] = part.pictures;
    parts[`${name}-parameters`] = part.parameters.toLocaleString("en");
    parts.judged = part.judged;
  }
  const shortened = experiments.flatMap(({ trials }) => trials).filter(({ label }) => label !== undefined);
  parts.labels = shortened.map((trial) => `\`${labelOf(trial)}\` is \`${trial.loss}\``).join("; ");
  parts.missing = missing.map((loss) => `\`${loss}\``).join(", ") || "none";
  for (const [trials, subject] of [
    [project.pixels, noise],
    [project.denoising, noisy],
  ] as const) {
    const part = await pixelPart(project, trials, subject, pictures);
    for (const [name, value] of Object.entries(part)) parts[`${subject.name}-${name}`] = value;
    parts[`${subject.name}-steps`] = subject.steps;
    parts[`${subject.name}-lookAfter`] = subject.lookAfter;
  }
  const template = await readFile(fileURLToPath(new URL("page.md", import.meta.url)), "utf8");
  await writeFile(path, fill(template, parts));
}

/** A template with values in place of `{{name}}`. */
function fill(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replaceAll(/\{\{([\w-]+)\}\}/g, (_, name: string) => {
    if (!Object.hasOwn(values, name)) throw new Error(`page.md: there is no ${name}`);
    return String(values[name]);
  });
}
