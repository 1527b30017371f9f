import { join } from "node:path";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { type Drawn, draw, type Subject } from "./drawing.ts";
import { judge, type Scores } from "./judges.ts";
import { writePictures } from "./pictures.ts";
import { labelOf, type Trial } from "./plan.ts";
import type { Project } from "./project.ts";
import { recordRows } from "./results.ts";

/** Moves the pixels of a subject under each of these losses, judges and draws them: at the end, and when they were looked at before. */
export async function recordPixels(project: Project, trials: readonly Trial[], subject: Subject): Promise<void> {
  const { cache, results, pictures, judges } = project;
  const { start, truth, name, lookAfter, steps } = subject;
  const made: { trial: Trial; drawn: Drawn; image: Tensor; early: Tensor }[] = [];
  for (const trial of trials) made.push({ trial, ...(await draw(cache, trial, subject, judges.usual)) });
  const rows = async (scores: (drawn: Drawn) => Scores) => ({
    without: await judge(judges.usual, start, truth),
    ...Object.fromEntries(made.map(({ trial, drawn }) => [trial.name, scores(drawn)])),
    truth: await judge(judges.usual, truth, truth),
  });
  const picture = async (file: string, image: (one: (typeof made)[number]) => Tensor) => {
    const cells = made.map((one) => ({ label: labelOf(one.trial), image: image(one) }));
    const first = [
      { label: "the photograph", image: truth },
      { label: "at first", image: start },
    ];
    await writePictures(join(pictures, `${file}.webp`), [...first, ...cells], { columns: 4 });
  };
  await recordRows(results, name, await rows(({ scores, stepsToSettle }) => ({ ...scores, steps: stepsToSettle })));
  await picture(name, ({ image }) => image);
  if (lookAfter === steps) return;
  await recordRows(results, `${name}-early`, await rows(({ earlyScores }) => earlyScores));
  await picture(`${name}-early`, ({ early }) => early);
}
