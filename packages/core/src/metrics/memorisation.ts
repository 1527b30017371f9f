import { choice, number } from "../definitions/options.ts";
import { ReconlossError } from "../errors.ts";
import { counted } from "../text.ts";
import { defineMetric } from "./definition.ts";
import type { FeatureRows, Side } from "./features.ts";
import { frechetDistance } from "./frechet-distance.ts";
import type { MetricResult } from "./metric.ts";
import { type BlockPair, forBlockPairs, normalised, type Points, refuseRows } from "./points.ts";
import { type MetricOptions, settingsOf } from "./settings.ts";
import { statisticsOfRows } from "./statistics-of-rows.ts";

/** Over which images the nearest distances are averaged. */
const presets = {
  /** torchmetrics' `MemorizationInformedFrechetInceptionDistance`. */
  torchmetrics: { over: "real" },
  /** The paper's, and the Kaggle competition's. */
  paper: { over: "output" },
} as const;

const schema = {
  preset: choice(
    ["torchmetrics", "paper"],
    "torchmetrics",
    "whose number: torchmetrics averages over the reals, the paper over the outputs",
  ),
  over: choice(["real", "output"], "real", "the images whose distances to the nearest of the other side are averaged"),
  threshold: number(0.1, "a mean distance of at least this counts as 1: nothing is memorised", { above: 0, max: 1 }),
};

const table = { options: schema, presets };

/** Options of {@link memorisationDistance}. */
export type MemorisationOptions = MetricOptions<typeof schema>;

/** The memorisation-informed FID. */
export interface MemorisationResult extends MetricResult {
  /** The Frechet distance that is divided. */
  readonly frechet: number;
  /** The mean cosine distance of outputs to the nearest real, and of reals to the nearest output. */
  readonly distances: { readonly output: number; readonly real: number };
}

/** As torchmetrics and the competition have it, against a division by 0. */
const epsilon = 1e-14;

/** FID of no more than this is 0, as in torchmetrics, lest rounding be divided by a distance of nearly 0. */
const negligible = 1e-8;

/**
 * The memorisation-informed Frechet Inception Distance (Bai et al. 2021, "On training sample memorization", section 3.3): FID / (d + 1e-14), where d is
 * the mean over images of the cosine distance 1 - |cos| to the nearest image of the other side, and 1 from `threshold` on. Copies of training
 * images make d small and the number large; lower is better, 0 for equal sets.
 *
 * The paper averages over the outputs (`preset=paper`); torchmetrics, the default, over the reals, which hardly notices copies where there are many
 * reals: the result tells both distances. Images whose features are all 0 have no direction and are left out of d, as in both implementations. Time
 * grows with the product of the numbers of images; memory is one number an image, blocks of 1024 rows, and two covariances.
 *
 * @throws {ReconlossError} `invalid-argument` with fewer than 2 images on a side, or none that has a direction; `shape` when the sides' features differ
 *   in length; `non-finite` for features that are NaN or infinite
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { memorisationDistance, MemoryRows } from "@reconloss/core/metrics";
 * const [output, real] = [new MemoryRows(), new MemoryRows()];
 * real.append(Tensor.from([1, 0, 0, 1], [2, 2, 1, 1]));
 * output.append(Tensor.from([2, 0, 0, 2], [2, 2, 1, 1])); // the same directions
 * const { value, frechet, distances } = await memorisationDistance(output, real);
 * distances.output; // 0: every output is a copy but for its length
 * value === frechet / 1e-14; // true
 * ```
 */
export async function memorisationDistance(
  output: FeatureRows,
  real: FeatureRows,
  options: MemorisationOptions = {},
): Promise<MemorisationResult> {
  return memorisation("mifid", output, real, options);
}

/** {@link memorisationDistance} under the name that stands for the features. */
async function memorisation(
  name: string,
  output: FeatureRows,
  real: FeatureRows,
  options: MemorisationOptions,
): Promise<MemorisationResult> {
  const { protocol, preset, over, threshold } = settingsOf({ ...table, name }, options);
  refuseRows(name, output, real, 2);
  const { value: frechet } = await frechetDistance(await statisticsOfRows(output), await statisticsOfRows(real));
  const nearest = await nearestDirections(output, real);
  const [ofOutputs, ofReals] = [meanOf(name, "output", nearest.output), meanOf(name, "real", nearest.real)];
  const distances = { output: ofOutputs.mean, real: ofReals.mean };
  const divisor = (distance: number) => (distance < threshold ? distance : 1) + epsilon;
  const warnings = [ofOutputs, ofReals].flatMap(({ leftOut, side }) =>
    leftOut > 0
      ? [`${counted(leftOut, `${side} has`, `${side}s have`)} features that are all 0, and no distance to the nearest`]
      : [],
  );
  if (over === "real" && distances.output < threshold && distances.real >= threshold) {
    warnings.push(
      `outputs are ${distances.output.toPrecision(3)} from the nearest real in the mean, which looks like memorisation, but no penalty: with preset=paper ${name} is ${(frechet / divisor(distances.output)).toPrecision(6)}`,
    );
  }
  return {
    metric: name,
    value: frechet > negligible ? frechet / divisor(distances[over]) : 0,
    frechet,
    distances,
    images: { output: output.count, real: real.count },
    protocol: { ...protocol, features: output.dimension, preset, over, threshold },
    hint: "compare only numbers of the same preset, and from equally many images on each side",
    warnings,
  };
}

/** The mean of the finite ones. */
function meanOf(metric: string, side: Side, distances: Float64Array) {
  const finite = distances.filter(Number.isFinite);
  if (finite.length === 0) {
    throw new ReconlossError(
      "invalid-argument",
      `${metric}: all features of the ${side}s, or of the other side, are 0`,
    );
  }
  const mean = finite.reduce((sum, distance) => sum + distance, 0) / finite.length;
  return { side, mean, leftOut: distances.length - finite.length };
}

/** The cosine distance of each image to the nearest of the other side, 0 to 1; infinite for images without direction. */
async function nearestDirections(output: FeatureRows, real: FeatureRows) {
  const nearest = {
    output: new Float64Array(output.count).fill(Number.POSITIVE_INFINITY),
    real: new Float64Array(real.count).fill(Number.POSITIVE_INFINITY),
  };
  const visit = ({ a, b, products, i, j }: BlockPair) => {
    for (let r = 0, at = 0; r < a.rows; r++) {
      for (let c = 0; c < b.rows; c++, at++) {
        if (a.squares[r] === 0 || b.squares[c] === 0) continue;
        let distance = 1 - Math.abs(products[at]);
        if (distance < nearby) distance = angular(a, r, b, c, Math.sign(products[at]));
        if (distance < nearest.output[i + r]) nearest.output[i + r] = distance;
        if (distance < nearest.real[j + c]) nearest.real[j + c] = distance;
      }
    }
  };
  await forBlockPairs(output, real, visit, { prepare: normalised });
  return nearest;
}

/** Below this, 1 - |cos| has lost too many digits. */
const nearby = 1e-6;

/** 1 - |cos| of two points of unit length as half their squared distance, or that from the opposite point: exact where they are close. */
function angular(a: Points, r: number, b: Points, c: number, sign: number): number {
  let sum = 0;
  for (let k = 0, p = r * a.columns, q = c * b.columns; k < a.columns; k++) {
    sum += (a.data[p + k] - sign * b.data[q + k]) ** 2;
  }
  return sum / 2;
}

/** The common part of both: only the features differ. */
const shared = {
  better: "lower",
  source: "Bai et al. 2021; equals torchmetrics",
  features: "main",
  needs: { output: "rows", real: "rows" },
  options: schema,
  presets,
} as const;

/** {@link memorisationDistance} of Inception's features as a metric of sets. */
export const mifid = defineMetric({
  ...shared,
  name: "mifid",
  summary: "memorisation-informed FID: FID divided by the distance to the nearest image where that is small",
  network: "inception",
  compute: ({ output, real }, options, { protocol }) => memorisation("mifid", output, real, { ...options, protocol }),
});

/** {@link memorisationDistance} of any network's features as a metric of sets. */
export const memorisationFrechet = defineMetric({
  ...shared,
  name: "mi-frechet",
  summary: "memorisation-informed Frechet distance of another network's features, which is no FID",
  compute: ({ output, real }, options, { protocol }) =>
    memorisation("mi-frechet", output, real, { ...options, protocol }),
});
