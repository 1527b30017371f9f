import { type Loss, parseLoss } from "../../packages/core/src/losses/index.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { findWeights } from "../../packages/reconloss/src/weights/index.ts";

/** The metrics that outputs are judged by, a table each. */
export const judgeSpecs = {
  usual: ["psnr", "ssim", "ms-ssim", "deltaE", "lpips", "lpips(net=squeeze)", "tv"],
  further: ["gmsd", "mdsi", "haarpsi", "vif", "iw-ssim", "fsim", "ssimulacra2", "flip"],
} as const;

/** Judges by the table that they stand in. */
export type Judges = Readonly<Record<keyof typeof judgeSpecs, readonly Loss[]>>;

export type Scores = Readonly<Record<string, number>>;

/** Whether the weights that a loss needs are on this machine. */
export async function hasWeights({ definition }: Loss): Promise<boolean> {
  for (const name of definition?.weights ?? []) if ((await findWeights(name)) === undefined) return false;
  return true;
}

/** The judges whose weights are on this machine. */
export async function availableJudges(specs: readonly string[]): Promise<Loss[]> {
  const judges: Loss[] = [];
  for (const spec of specs) {
    const loss = parseLoss(spec);
    if (await hasWeights(loss)) judges.push(loss);
  }
  return judges;
}

/** The value of each metric for an output. */
export async function judge(judges: readonly Loss[], output: Tensor, target: Tensor): Promise<Scores> {
  const scores: Record<string, number> = {};
  for (const loss of judges) scores[loss.spec] = await loss.value(output, target);
  return scores;
}

/** The mean of each judge. */
export function meanScores(all: readonly Scores[]): Scores {
  const sum = (name: string) => all.reduce((total, scores) => total + scores[name], 0);
  return Object.fromEntries(Object.keys(all[0]).map((name) => [name, sum(name) / all.length]));
}
