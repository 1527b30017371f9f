import { join } from "node:path";
import type { Loss } from "../../packages/core/src/losses/index.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import type { Restoration } from "../../packages/reconloss/src/tasks/task.ts";
import { judge, meanScores, type Scores } from "./judges.ts";
import { entryOf, outputsOf, restorationOf, settingsOf } from "./networks.ts";
import { crop, heldOutPhotographs } from "./photographs.ts";
import { type Cell, writePictures } from "./pictures.ts";
import { type Experiment, labelOf } from "./plan.ts";
import type { Project } from "./project.ts";
import { readResults, recordRows } from "./results.ts";

const lookedAtSide = 72;

/** Judges the networks of an experiment that were trained by what they were not judged by before, and draws them where all of them were trained. */
export async function recordExperiment(project: Project, experiment: Experiment): Promise<void> {
  const { cache, setup, judges, results } = project;
  const restoration = restorationOf(settingsOf(experiment, { loss: "l1" }, setup));
  const photographs = await heldOutPhotographs(restoration, setup.heldOut, experiment.judged, experiment.side);
  const record = async (name: string, by: readonly Loss[], images: () => Promise<readonly Tensor[]>) => {
    const known = (await readResults(results))[experiment.name]?.[name] ?? {};
    const wanted = by.filter(({ spec }) => known[spec] === undefined);
    if (wanted.length === 0) return;
    const outputs = await images();
    const scores: Scores[] = [];
    for (const [index, { target }] of photographs.entries()) scores.push(await judge(wanted, outputs[index], target));
    await recordRows(results, experiment.name, { [name]: meanScores(scores) });
  };
  const all = Object.values(judges).flat();
  await record("without", all, async () => photographs.map(({ baseline }) => baseline));
  // Of equal images, only priors say something.
  await record("truth", judges.usual, async () => photographs.map(({ target }) => target));
  let trained = 0;
  for (const trial of experiment.trials) {
    const entry = entryOf(cache, experiment, trial, setup);
    if ((await entry.read()) === undefined) continue;
    trained++;
    await record(trial.name, all, () => outputsOf(entry.folder, photographs));
  }
  if (trained === experiment.trials.length) await drawStrips(project, experiment, restoration);
}

/** A picture of what each network makes of each place that is looked at. */
async function drawStrips(
  { cache, setup, pictures }: Project,
  experiment: Experiment,
  restoration: Restoration,
): Promise<void> {
  const shown = await heldOutPhotographs(restoration);
  const outputs: [string, Tensor[]][] = [
    ["the photograph", shown.map(({ target }) => target)],
    [restoration.baseline.name, shown.map(({ baseline }) => baseline)],
  ];
  for (const trial of experiment.trials) {
    outputs.push([labelOf(trial), await outputsOf(entryOf(cache, experiment, trial, setup).folder, shown)]);
  }
  for (const [index, { photograph, left, top }] of experiment.lookedAt.entries()) {
    const at = shown.findIndex(({ name }) => name === photograph);
    const cells = outputs.map(([label, images]): Cell => ({ label, image: crop(images[at], left, top, lookedAtSide) }));
    await writePictures(join(pictures, `${experiment.name}-${index + 1}.webp`), cells, { columns: 5, magnify: 3 });
  }
}
