import { join } from "node:path";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { splitPhotographs } from "../../packages/reconloss/src/tasks/index.ts";
import type { PhotographName } from "../photographs.ts";
import { meanScores, type Scores } from "./judges.ts";
import { baselineOf, entryOf, outputsOf, restorationOf, settingsOf, type Trained } from "./networks.ts";
import { crop, heldOutPhotographs } from "./photographs.ts";
import { writePictures } from "./pictures.ts";
import { labelOf } from "./plan.ts";
import type { Project } from "./project.ts";
import { scoreTable } from "./tables.ts";

/** Where the networks' outputs are looked at: squares of the photographs that may be shown. */
const lookedAt: readonly { photograph: PhotographName; title: string; left: number; top: number }[] = [
  { photograph: "flower", title: "the husk", left: 320, top: 520 },
  { photograph: "flower", title: "the edge of the husk", left: 300, top: 600 },
  { photograph: "cat", title: "a cat, running", left: 380, top: 290 },
];
const lookedAtSide = 72;

/** What the page says of the networks. */
export interface NetworkPart {
  /** How many photographs they learnt from, and how many they were judged on. */
  readonly photographs: { readonly learntFrom: number; readonly judged: number };
  readonly parameters: number;
  /** Of each photograph: without a network, and with each, by the trial's name. */
  readonly baseline: readonly Scores[];
  readonly trained: ReadonlyMap<string, readonly Scores[]>;
  /** The mean of the photographs themselves. */
  readonly natural: Scores;
  readonly table: string;
  readonly strips: readonly string[];
}

/**
 * Tables and pictures of the networks.
 *
 * @param pictures - the folder for pictures
 * @param times - milliseconds of a training's step, by the trial's name
 */
export async function networkPart(
  project: Project,
  pictures: string,
  times: Readonly<Record<string, number>>,
): Promise<NetworkPart> {
  const { cache, setup, judges, plan } = project;
  const { baseline, truth } = await baselineOf(cache, setup, judges);
  const natural = meanScores(truth);
  const trained = new Map<string, Trained>();
  for (const trial of plan.trainings) {
    trained.set(trial.name, (await entryOf(cache, trial, setup).read()) as Trained);
  }
  const rows = [
    { title: "*bicubic*", scores: meanScores(baseline), more: [""] },
    ...plan.trainings.map((trial) => ({
      title: `\`${labelOf(trial)}\``,
      scores: meanScores((trained.get(trial.name) as Trained).scores),
      more: [times[trial.name]?.toFixed(0) ?? ""],
    })),
    { title: "*the photographs*", scores: natural, isReference: true, more: [""] },
  ];
  const { training } = await splitPhotographs(setup.data, setup.heldOut);
  return {
    photographs: { learntFrom: training.length, judged: baseline.length },
    parameters: [...trained.values()][0].parameters,
    baseline,
    trained: new Map([...trained].map(([name, { scores }]) => [name, scores])),
    natural,
    table: scoreTable(judges, rows, natural.tv, ["ms/step"]),
    strips: await drawStrips(project, pictures),
  };
}

/** A picture for each place that is looked at, as Markdown. */
async function drawStrips({ cache, setup, plan }: Project, pictures: string): Promise<string[]> {
  const shown = await heldOutPhotographs(restorationOf(settingsOf({ loss: "l1" }, setup)));
  const outputs = new Map<string, Tensor[]>();
  for (const trial of plan.trainings) {
    outputs.set(labelOf(trial), await outputsOf(entryOf(cache, trial, setup).folder, shown));
  }
  const strips: string[] = [];
  for (const [index, { photograph, title, left, top }] of lookedAt.entries()) {
    const at = shown.findIndex(({ name }) => name === photograph);
    const images = [
      { label: "the photograph", image: shown[at].target },
      { label: "bicubic", image: shown[at].baseline },
      ...Array.from(outputs, ([label, images]) => ({ label, image: images[at] })),
    ];
    const cells = images.map(({ label, image }) => ({ label, image: crop(image, left, top, lookedAtSide) }));
    const file = `network-${index + 1}.webp`;
    await writePictures(join(pictures, file), cells, { columns: 5, magnify: 3 });
    strips.push(`![${title}: ${cells.map(({ label }) => label).join(", ")}](choosing/${file})`);
  }
  return strips;
}
