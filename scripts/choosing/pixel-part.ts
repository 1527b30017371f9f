import { join } from "node:path";
import { msSsim } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { type Drawn, draw, type Subject } from "./drawing.ts";
import { judge, type Scores } from "./judges.ts";
import { writePictures } from "./pictures.ts";
import { labelOf, type Trial } from "./plan.ts";
import type { Project } from "./project.ts";
import { type Row, scoreTable } from "./tables.ts";

/** What the page says of pixels that losses have moved. */
export interface PixelPart {
  readonly steps: number;
  readonly lookAfter: number;
  /** By the trial's name, at the end and when they were looked at. */
  readonly scores: ReadonlyMap<string, Scores>;
  readonly earlyScores: ReadonlyMap<string, Scores>;
  readonly table: string;
  readonly picture: string;
  /** Where pixels were looked at before the end. */
  readonly earlyTable?: string;
  readonly earlyPicture?: string;
}

interface Made {
  readonly trial: Trial;
  readonly drawn: Drawn;
  readonly image: Tensor;
  readonly early: Tensor;
}

/** Numbers of a table that are no scores, by title. */
type More = Readonly<Record<string, (drawn: Drawn) => string>>;

/**
 * Tables and pictures of a subject under each of these losses.
 *
 * @param pictures - the folder for pictures
 */
export async function pixelPart(
  { cache, judges }: Project,
  trials: readonly Trial[],
  subject: Subject,
  pictures: string,
): Promise<PixelPart> {
  const made: Made[] = [];
  for (const trial of trials) made.push({ trial, ...(await draw(cache, trial, subject, judges)) });
  const { start, truth, name, lookAfter, steps } = subject;
  const [first, last] = [await judge(judges, start, truth), await judge(judges, truth, truth)];

  const table = (scores: (drawn: Drawn) => Scores, more: More) => {
    const empty = Object.keys(more).map(() => "");
    const rows: Row[] = [
      { title: "*at first*", scores: first, more: empty },
      ...made.map(({ trial, drawn }) => ({
        title: `\`${labelOf(trial)}\``,
        scores: scores(drawn),
        more: Object.values(more).map((cell) => cell(drawn)),
      })),
      { title: "*the photograph*", scores: last, isReference: true, more: empty },
    ];
    return scoreTable(judges, rows, last.tv, Object.keys(more));
  };
  const picture = async (file: string, image: (made: Made) => Tensor) => {
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
    picture: await picture(`${name}.webp`, ({ image }) => image),
    ...(lookAfter < steps && {
      earlyTable: table(({ earlyScores }) => earlyScores, {}),
      earlyPicture: await picture(`${name}-early.webp`, ({ early }) => early),
    }),
  };
}

/** A channel of an image, as a grey image. */
function plane({ data, shape: [, , h, w] }: Tensor, channel: number): Tensor {
  return new Tensor(data.slice(channel * h * w, (channel + 1) * h * w), [1, 1, h, w]);
}

/** The channels of a subject's start at which MS-SSIM is 0 and so has no slope. */
export async function stuckChannels({ start, target }: Subject): Promise<string[]> {
  const stuck: string[] = [];
  for (const [channel, name] of ["red", "green", "blue"].entries()) {
    const value = await msSsim().value(plane(start, channel), plane(target, channel));
    if (value === 0) stuck.push(name);
  }
  return stuck;
}
