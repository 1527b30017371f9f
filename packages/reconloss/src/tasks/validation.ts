import { type Loss, ReconlossError, type Tensor } from "@reconloss/core";
import { parseLoss, parseLosses } from "@reconloss/core/internal";
import { findWeights } from "../weights/locate.ts";

/** The losses that judge outputs, as 8-bit files hold them. */
const metrics = "psnr, ssim, lpips";
/** The substitute where a published network's weights are missing. */
const embedded = "lpips(net=tiny)";
/** A second judge of a network that was trained with the embedded one. */
const additionalMetrics = "ms-ssim, deltaE";

/** The scores of outputs by loss, each the mean over the held-out crops. */
export type Scores = Readonly<Record<string, number>>;

/** Whether a loss, or a term of it, is computed by the embedded network. */
export const usesEmbedded = (spec: string): boolean => /\bnet\s*=\s*tiny\b/i.test(spec);

/**
 * The losses that a network is judged by on this machine without downloading anything, and what there is to say of them.
 *
 * @param trainedWith - specification of the loss that the network is trained with: what it contains is flattered by it, and is not left to judge alone
 */
export async function availableMetrics(
  target: Tensor,
  trainedWith: string,
): Promise<{ losses: Loss[]; notes: string[] }> {
  const losses: Loss[] = [];
  const notes: string[] = [];
  const add = async (loss: Loss) => {
    if (losses.some(({ spec }) => spec === loss.spec)) return;
    try {
      await loss.value(target, target);
      losses.push(loss);
    } catch (error) {
      if (!(error instanceof ReconlossError) || error.code !== "shape") throw error;
      notes.push(`${loss.spec} is left out: ${error.message}`);
    }
  };
  for (const wanted of parseLosses(metrics)) {
    const missing = await missingWeights(wanted);
    if (missing !== undefined) {
      notes.push(
        `${wanted.spec} is left out: the weights ${missing} are not on this machine; ${embedded} is used instead`,
      );
    }
    await add(missing === undefined ? wanted : parseLoss(embedded));
  }
  if (usesEmbedded(trainedWith)) {
    await add(parseLoss(embedded));
    for (const loss of parseLosses(additionalMetrics)) await add(loss);
    notes.push(
      `${embedded} favours a network that was trained with it, by about a sixth compared with LPIPS-alex (docs/tiny-lpips.md): rely on the others`,
    );
  }
  return { losses, notes };
}

async function missingWeights({ definition }: Loss): Promise<string | undefined> {
  for (const name of definition?.weights ?? []) if ((await findWeights(name)) === undefined) return name;
  return undefined;
}

/** Means of losses over pairs that come one after the other: over the finite values, and over how many those are. */
export class MeanScores {
  readonly #losses: readonly Loss[];
  readonly #sums: number[];
  readonly #measured: number[];
  /** The last value that was not finite, which stands where there is no other. */
  readonly #notFinite: (number | undefined)[];

  constructor(losses: readonly Loss[]) {
    this.#losses = losses;
    this.#sums = losses.map(() => 0);
    this.#measured = losses.map(() => 0);
    this.#notFinite = losses.map(() => undefined);
  }

  async add(output: Tensor, target: Tensor): Promise<void> {
    for (const [index, loss] of this.#losses.entries()) {
      try {
        const value = await loss.value(output, target);
        if (Number.isFinite(value)) {
          this.#sums[index] += value;
          this.#measured[index]++;
        } else this.#notFinite[index] = value;
      } catch (error) {
        // Smaller crops than the first may be too small for a loss: they are not counted.
        if (!(error instanceof ReconlossError) || error.code !== "shape") throw error;
      }
    }
  }

  get scores(): Scores {
    const mean = (index: number) =>
      this.#measured[index] > 0 ? this.#sums[index] / this.#measured[index] : (this.#notFinite[index] ?? Number.NaN);
    return Object.fromEntries(this.#losses.map(({ spec }, index) => [spec, mean(index)]));
  }

  /** Over how many pairs each mean is. */
  get measured(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#losses.map(({ spec }, index) => [spec, this.#measured[index]]));
  }
}
