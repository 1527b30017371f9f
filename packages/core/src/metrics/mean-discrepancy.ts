import { flag, number } from "../definitions/options.ts";
import { defineMetric, optionsIn } from "./definition.ts";
import type { FeatureRows } from "./features.ts";
import { areFew, type MetricResult } from "./metric.ts";
import { type BlockPair, directions, forBlockPairs, forOwnBlockPairs, refuseRows } from "./points.ts";
import { type MetricOptions, settingsOf } from "./settings.ts";

const schema = {
  sigma: number(10, "width of the kernel exp(-|x - y|^2 / (2 sigma^2))", { above: 0 }),
  scale: number(1000, "what the squared discrepancy is multiplied by", { above: 0 }),
  normalise: flag(true, "whether features are divided by their length first"),
};

const table = { name: "mmd", options: schema };

/** Options of {@link meanDiscrepancy}. */
export type MeanDiscrepancyOptions = MetricOptions<typeof schema>;

/**
 * The squared maximum mean discrepancy of features by a Gaussian kernel, `scale (mean k(x, x') + mean k(y, y') - 2 mean k(x, y))` over all pairs,
 * those of an image with itself included (the biased estimator of Gretton et al. 2012, equation 5): 0 for equal sets, at least 0, lower is better.
 *
 * Of CLIP embeddings this is CMMD (Jayasumana et al. 2024, "Rethinking FID: towards a better evaluation metric for image generation"), and equals that
 * of google-research/cmmd and sayakpaul/cmmd-pytorch, which compute in float32 and so with noise of about 1e-3. Of other features it is only `mmd`.
 * Sums are of 1 - k, which is small where k is nearly 1, so that no digits are lost. Time grows with the square of the number of images; memory is
 * blocks of 1024 rows.
 *
 * @throws {ReconlossError} `invalid-argument` when a side has no image, or one without direction that should be normalised; `shape` when the sides'
 *   features differ in length; `non-finite` for features that are NaN or infinite
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { meanDiscrepancy, MemoryRows } from "@reconloss/core/metrics";
 * const [output, real] = [new MemoryRows(), new MemoryRows()];
 * real.append(Tensor.from([0, 3], [1, 2, 1, 1]));
 * output.append(Tensor.from([2, 0], [1, 2, 1, 1])); // at a right angle: |x - y|^2 is 2 after normalisation
 * const { value } = await meanDiscrepancy(output, real);
 * value.toFixed(3); // "19.900": 1000 (1 + 1 - 2 exp(-2 / 200))
 * ```
 */
export async function meanDiscrepancy(
  output: FeatureRows,
  real: FeatureRows,
  options: MeanDiscrepancyOptions = {},
): Promise<MetricResult> {
  const { protocol, sigma, scale, normalise } = settingsOf(table, options);
  refuseRows("mmd", output, real, 1);
  const prepare = normalise ? directions : undefined;
  /** The mean of 1 - k over all pairs. */
  const within = async (rows: FeatureRows) => {
    let sum = 0;
    const visit = (pair: BlockPair) => {
      sum += (pair.i === pair.j ? 1 : 2) * sumOfDrops(pair, sigma);
    };
    await forOwnBlockPairs(rows, visit, { prepare });
    return sum / rows.count ** 2;
  };
  let sum = 0;
  const visit = (pair: BlockPair) => {
    sum += sumOfDrops(pair, sigma);
  };
  await forBlockPairs(output, real, visit, { prepare });
  const between = sum / (output.count * real.count);
  const few = Math.min(output.count, real.count);
  return {
    metric: "mmd",
    // Rounding alone makes it negative.
    value: scale * Math.max(2 * between - (await within(output)) - (await within(real)), 0),
    images: { output: output.count, real: real.count },
    protocol: {
      ...protocol,
      features: output.dimension,
      kernel: `rbf, sigma ${sigma}`,
      estimator: "biased",
      scale,
      normalise,
    },
    hint: "too high by an amount that shrinks as 1/n: compare only numbers from equally many images",
    warnings: few < 1000 ? [`${areFew(few, protocol)}: the estimator is biased by their number`] : [],
  };
}

/** The sum of 1 - exp(-|x - y|^2 / (2 sigma^2)) over the pairs of two blocks, row by row. */
function sumOfDrops({ a, b, products }: BlockPair, sigma: number): number {
  const factor = -1 / (2 * sigma ** 2);
  let total = 0;
  for (let r = 0, at = 0; r < a.rows; r++) {
    let sum = 0;
    for (let c = 0; c < b.rows; c++, at++) {
      sum -= Math.expm1(factor * Math.max(a.squares[r] + b.squares[c] - 2 * products[at], 0));
    }
    total += sum;
  }
  return total;
}

/** {@link meanDiscrepancy} as a metric of sets. */
export const mmd = defineMetric({
  ...table,
  summary: "squared maximum mean discrepancy by a Gaussian kernel; of CLIP embeddings it is CMMD",
  better: "lower",
  source: "Jayasumana et al. 2024; equals google-research/cmmd",
  features: "main",
  needs: { output: "rows", real: "rows" },
  compute: ({ output, real }, options, { protocol }) => meanDiscrepancy(output, real, { ...options, protocol }),
  detail: (result) => optionsIn(table, result, ["kernel", "scale", "normalise"]),
});
