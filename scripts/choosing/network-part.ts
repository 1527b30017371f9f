import { join } from "node:path";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { type Judges, meanScores, type Scores } from "./judges.ts";
import { entryOf, judgeExperiment, outputsOf, restorationOf, settingsOf } from "./networks.ts";
import { crop, heldOutPhotographs } from "./photographs.ts";
import { type Cell, writePictures } from "./pictures.ts";
import { type Experiment, labelOf } from "./plan.ts";
import type { Project } from "./project.ts";
import { scoreTable } from "./tables.ts";

const lookedAtSide = 72;

/** What the page shows of an experiment, as Markdown: a table for each set of judges, and a picture for each place that is looked at. */
export interface NetworkPart {
  readonly tables: Readonly<Record<keyof Judges, string>>;
  readonly pictures: string;
  /** The number of weights of its network. */
  readonly parameters: number;
  /** How many photographs the networks are judged on. */
  readonly judged: number;
}

/**
 * Tables and pictures of an experiment.
 *
 * @param pictures - the folder for pictures
 * @param times - milliseconds of a training's step, by the trial's name
 */
export async function networkPart(
  project: Project,
  experiment: Experiment,
  pictures: string,
  times: Readonly<Record<string, number>>,
): Promise<NetworkPart> {
  const { cache, setup, judges } = project;
  const all = Object.values(judges).flat();
  const { without, truth, trained } = await judgeExperiment(cache, experiment, setup, all);
  const natural = meanScores(truth);
  const { baseline } = restorationOf(settingsOf(experiment, { loss: "l1" }, setup));
  const rows: readonly { title: string; scores: Scores; isReference?: boolean; time?: number }[] = [
    { title: `*${baseline.name}*`, scores: meanScores(without) },
    ...experiment.trials.map((trial) => ({
      title: `\`${labelOf(trial)}\``,
      scores: meanScores(trained[trial.name]),
      time: times[trial.name],
    })),
    { title: "*the photographs*", scores: natural, isReference: true },
  ];
  const timed = rows.map(({ time, ...row }) => ({ ...row, more: [time?.toFixed(0) ?? ""] }));
  const [first] = experiment.trials;
  return {
    tables: {
      usual: scoreTable(judges.usual, timed, natural, ["ms/step"]),
      further: scoreTable(judges.further, rows, natural),
    },
    pictures: (await drawStrips(project, experiment, pictures)).join("\n\n"),
    parameters: (await entryOf(cache, experiment, first, setup).read())?.parameters ?? Number.NaN,
    judged: without.length,
  };
}

/** A picture for each place that is looked at, as Markdown. */
async function drawStrips({ cache, setup }: Project, experiment: Experiment, pictures: string): Promise<string[]> {
  const { baseline, ...restoration } = restorationOf(settingsOf(experiment, { loss: "l1" }, setup));
  const shown = await heldOutPhotographs({ ...restoration, baseline });
  const outputs: [string, Tensor[]][] = [
    ["the photograph", shown.map(({ target }) => target)],
    [baseline.name, shown.map(({ baseline }) => baseline)],
  ];
  for (const trial of experiment.trials) {
    outputs.push([labelOf(trial), await outputsOf(entryOf(cache, experiment, trial, setup).folder, shown)]);
  }
  const strips: string[] = [];
  for (const [index, { photograph, title, left, top }] of experiment.lookedAt.entries()) {
    const at = shown.findIndex(({ name }) => name === photograph);
    const cells = outputs.map(([label, images]): Cell => ({ label, image: crop(images[at], left, top, lookedAtSide) }));
    const file = `${experiment.name}-${index + 1}.webp`;
    await writePictures(join(pictures, file), cells, { columns: 5, magnify: 3 });
    strips.push(`![${title}: ${outputs.map(([label]) => label).join(", ")}](choosing/${file})`);
  }
  return strips;
}
