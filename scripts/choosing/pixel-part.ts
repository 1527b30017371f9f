import { join } from "node:path";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { type Drawn, draw, type Subject } from "./drawing.ts";
import { judge, type Scores } from "./judges.ts";
import { writePictures } from "./pictures.ts";
import { labelOf, type Trial } from "./plan.ts";
import type { Project } from "./project.ts";
import { type Row, scoreTable } from "./tables.ts";

/** What the page shows of pixels that losses have moved, as Markdown: at the end, and when they were looked at before. */
export interface PixelPart {
  readonly table: string;
  readonly picture: string;
  readonly earlyTable: string;
  readonly earlyPicture: string;
}

interface Made {
  readonly trial: Trial;
  readonly drawn: Drawn;
  readonly image: Tensor;
  readonly early: Tensor;
}

/**
 * Tables and pictures of a subject under each of these losses.
 *
 * @param pictures - the folder for pictures
 */
export async function pixelPart(
  { cache, judges: { usual: judges } }: Project,
  trials: readonly Trial[],
  subject: Subject,
  pictures: string,
): Promise<PixelPart> {
  const made: Made[] = [];
  for (const trial of trials) made.push({ trial, ...(await draw(cache, trial, subject, judges)) });
  const { start, truth, name, lookAfter, steps } = subject;
  const [first, last] = [await judge(judges, start, truth), await judge(judges, truth, truth)];

  const table = (scores: (drawn: Drawn) => Scores, more?: (drawn: Drawn) => number) => {
    const rows: Row[] = [
      { title: "*at first*", scores: first, more: more && [""] },
      ...made.map(({ trial, drawn }) => ({
        title: `\`${labelOf(trial)}\``,
        scores: scores(drawn),
        more: more && [String(more(drawn))],
      })),
      { title: "*the photograph*", scores: last, isReference: true, more: more && [""] },
    ];
    return scoreTable(judges, rows, last, more && ["steps"]);
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
  const hasEarly = lookAfter < steps;
  return {
    table: table(
      ({ scores }) => scores,
      ({ stepsToSettle }) => stepsToSettle,
    ),
    picture: await picture(`${name}.webp`, ({ image }) => image),
    earlyTable: hasEarly ? table(({ earlyScores }) => earlyScores) : "",
    earlyPicture: hasEarly ? await picture(`${name}-early.webp`, ({ early }) => early) : "",
  };
}
