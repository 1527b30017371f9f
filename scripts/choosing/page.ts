import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { decimalsFor, formatNumber } from "../../src/compare/index.ts";
import { type Loss, msSsim } from "../../src/losses/index.ts";
import { splitPhotographs } from "../../src/tasks/index.ts";
import { Tensor } from "../../src/tensor.ts";
import { type Drawn, draw as drawTrial, type Subject } from "./drawing.ts";
import { judge, meanScores, type Scores } from "./judges.ts";
import { entryOf, outputsOf, restorationOf, settingsOf, type Trained } from "./networks.ts";
import { crop, type HeldOut, heldOutPhotographs, type PictureName } from "./photographs.ts";
import { writePictures } from "./pictures.ts";
import { labelOf, type Trial } from "./plan.ts";
import type { Project } from "./project.ts";
import { text } from "./text.ts";

/** What the page says besides what was computed. */
export interface PageOptions {
  /** What the photographs are. */
  readonly about?: string;
  /** Milliseconds of a training's step, by the trial's name. */
  readonly times: Readonly<Record<string, number>>;
}

/** Where the networks' outputs are looked at: squares of the photographs that may be shown. */
const lookedAt: readonly { photograph: PictureName; title: string; left: number; top: number }[] = [
  { photograph: "flower", title: "the husk", left: 320, top: 520 },
  { photograph: "flower", title: "the edge of the husk", left: 300, top: 600 },
  { photograph: "cat", title: "a cat, running", left: 380, top: 290 },
];
const lookedAtSide = 72;

/** A row of a table: a name and its numbers. */
export interface Row {
  readonly title: string;
  readonly scores: Scores;
  /** Left out where the best is looked for. */
  readonly isReference?: boolean;
  readonly more?: readonly string[];
}

/** The row whose number is the best of its column; of variations, the closest to that of the photographs. */
function best(rows: readonly Row[], { spec, name, better }: Loss, natural: number): number {
  const distance = ({ scores, isReference }: Row) => {
    if (isReference) return Number.POSITIVE_INFINITY;
    if (name === "tv") return Math.abs(scores[spec] - natural);
    return better === "lower" ? scores[spec] : -scores[spec];
  };
  return rows.reduce((best, row, index) => (distance(row) < distance(rows[best]) ? index : best), 0);
}

/** A table in Markdown: rows by judges, the best of each column bold. */
export function scoreTable(
  judges: readonly Loss[],
  rows: readonly Row[],
  natural: number,
  more: readonly string[] = [],
): string {
  const columns = judges.map((loss) => {
    const values = rows.map(({ scores }) => scores[loss.spec]);
    const decimals = decimalsFor(values);
    const texts = values.map((value) => formatNumber(value, Math.min(decimals, 4)));
    // Those that cannot be told apart from the best are the best too.
    const bold = texts[best(rows, loss, natural)];
    const cells = texts.map((text, row) => (text === bold && !rows[row].isReference ? `**${text}**` : text));
    const arrow = loss.name === "tv" ? "≈" : loss.better === "higher" ? "↑" : "↓";
    return { title: `\`${loss.spec}\` ${arrow}`, cells };
  });
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(["", ...columns.map(({ title }) => title), ...more]),
    line(["---", ...[...columns, ...more].map(() => "---:")]),
    ...rows.map(({ title, more = [] }, row) => line([title, ...columns.map(({ cells }) => cells[row]), ...more])),
  ].join("\n");
}

/** What there is without a network, with each network, and of the photographs themselves, by photograph. */
async function networkScores({ cache, setup, judges, plan }: Project, photographs: readonly HeldOut[]) {
  const baseline: Scores[] = [];
  const truth: Scores[] = [];
  for (const { baseline: image, target } of photographs) {
    baseline.push(await judge(judges, image, target));
    truth.push(await judge(judges, target, target));
  }
  const trained = new Map<string, Trained>();
  for (const trial of plan.trainings) {
    trained.set(trial.name, (await entryOf(cache, trial, setup).read()) as Trained);
  }
  return { baseline, truth, trained };
}

/** A channel of an image, as a grey image. */
function plane({ data, shape: [, , h, w] }: Tensor, channel: number): Tensor {
  return new Tensor(data.slice(channel * h * w, (channel + 1) * h * w), [1, 1, h, w]);
}

/** Writes the page and its pictures from what was computed. */
export async function writePage(path: string, project: Project, { about, times }: PageOptions): Promise<void> {
  const { cache, setup, judges, plan } = project;
  const pictures = join(dirname(path), "choosing");
  const restoration = restorationOf(settingsOf({ loss: "l1" }, setup));
  const photographs = await heldOutPhotographs(restoration, setup.heldOut);

  const { baseline, truth, trained } = await networkScores(project, photographs);
  const natural = meanScores(truth);
  const trainedRows: Row[] = [
    { title: "*bicubic*", scores: meanScores(baseline), more: [""] },
    ...plan.trainings.map((trial) => {
      const { scores } = trained.get(trial.name) as Trained;
      return {
        title: `\`${labelOf(trial)}\``,
        scores: meanScores(scores),
        more: [times[trial.name]?.toFixed(0) ?? ""],
      };
    }),
    { title: "*the photographs*", scores: natural, isReference: true, more: [""] },
  ];

  const outputs = new Map<string, Tensor[]>();
  for (const trial of plan.trainings) {
    outputs.set(trial.name, await outputsOf(entryOf(cache, trial, setup).folder, photographs.slice(0, 2)));
  }
  const strips: string[] = [];
  for (const [index, { photograph, title, left, top }] of lookedAt.entries()) {
    const at = photographs.findIndex(({ name }) => name === photograph);
    const cut = (image: Tensor) => crop(image, left, top, lookedAtSide);
    const cells = [
      { label: "the photograph", image: cut(photographs[at].target) },
      { label: "bicubic", image: cut(photographs[at].baseline) },
      ...plan.trainings.map((trial) => ({
        label: labelOf(trial),
        image: cut((outputs.get(trial.name) as Tensor[])[at]),
      })),
    ];
    const file = `network-${index + 1}.webp`;
    await writePictures(join(pictures, file), cells, { columns: 5, magnify: 3 });
    strips.push(`![${title}: ${cells.map(({ label }) => label).join(", ")}](choosing/${file})`);
  }

  const drawn = async (trials: readonly Trial[], subject: Subject) => {
    const made: { trial: Trial; drawn: Drawn; image: Tensor; early: Tensor }[] = [];
    for (const trial of trials) made.push({ trial, ...(await drawTrial(cache, trial, subject, judges)) });
    const { start, truth, name, lookAfter, steps } = subject;
    const first = await judge(judges, start, truth);
    const last = await judge(judges, truth, truth);
    const table = (of: (drawn: Drawn) => Scores, more: Readonly<Record<string, (drawn: Drawn) => string>>) => {
      const empty = Object.keys(more).map(() => "");
      const rows: Row[] = [
        { title: "*at first*", scores: first, more: empty },
        ...made.map(({ trial, drawn }) => ({
          title: `\`${labelOf(trial)}\``,
          scores: of(drawn),
          more: Object.values(more).map((cell) => cell(drawn)),
        })),
        { title: "*the photograph*", scores: last, isReference: true, more: empty },
      ];
      return scoreTable(judges, rows, last.tv, Object.keys(more));
    };
    const draw = async (file: string, image: (made: { image: Tensor; early: Tensor }) => Tensor) => {
      const cells = [
        { label: "the photograph", image: truth },
        { label: "at first", image: start },
        ...made.map((one) => ({ label: labelOf(one.trial), image: image(one) })),
      ];
      await writePictures(join(pictures, file), cells, { columns: 4 });
      return `![${cells.map(({ label }) => label).join(", ")}](choosing/${file})`;
    };
    return {
      steps,
      lookAfter,
      scores: new Map(made.map(({ trial, drawn }) => [trial.name, drawn.scores])),
      earlyScores: new Map(made.map(({ trial, drawn }) => [trial.name, drawn.earlyScores])),
      table: table(({ scores }) => scores, {
        steps: ({ stepsToSettle }) => String(stepsToSettle),
        "ms/step": ({ millisecondsPerStep }) => millisecondsPerStep.toFixed(1),
      }),
      picture: await draw(`${name}.webp`, ({ image }) => image),
      ...(lookAfter < steps && {
        earlyTable: table(({ earlyScores }) => earlyScores, {}),
        earlyPicture: await draw(`${name}-early.webp`, ({ early }) => early),
      }),
    };
  };
  const noise = await drawn(plan.pixels, project.noise);
  const noisy = await drawn(plan.denoising, project.noisy);

  const { start, target } = project.noise;
  const isTried = plan.pixels.some(({ name }) => name === "ms-ssim");
  const stuck: string[] = [];
  for (const [channel, name] of isTried ? ["red", "green", "blue"].entries() : []) {
    const [from, to] = [start, target].map((image) => plane(image, channel));
    if ((await msSsim().value(from, to)) === 0) stuck.push(name);
  }

  await writeFile(
    path,
    text({
      about,
      learntFrom: (await splitPhotographs(setup.data, setup.heldOut)).training.length,
      stuck,
      setup,
      plan,
      photographs: photographs.length,
      parameters: [...trained.values()][0].parameters,
      baseline,
      trained: new Map([...trained].map(([name, { scores }]) => [name, scores])),
      natural,
      networkTable: scoreTable(judges, trainedRows, natural.tv, ["ms/step"]),
      strips,
      noise,
      noisy,
    }),
  );
}
