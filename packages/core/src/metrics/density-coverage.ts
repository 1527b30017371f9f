import { integer } from "../definitions/options.ts";
import { counted } from "../text.ts";
import { defineMetric } from "./definition.ts";
import type { FeatureRows } from "./features.ts";
import { areFew, type MetricResult } from "./metric.ts";
import { neighbourhoodCounts, shareAbove0 } from "./neighbours.ts";
import { refuseRows } from "./points.ts";
import { type MetricOptions, settingsOf } from "./settings.ts";

const schema = {
  neighbours: integer(5, "an image's neighbourhood reaches to its k-th nearest other image of the same set", {
    min: 1,
  }),
};

const table = { name: "prdc", options: schema };

/** Options of {@link densityCoverage}. */
export type DensityCoverageOptions = MetricOptions<typeof schema>;

/** Density (which is `value`), coverage, and the precision and recall of the same neighbourhoods. */
export interface DensityCoverageResult extends MetricResult {
  /** The mean number of neighbourhoods of reals that an output lies in, over k; 1 in expectation for equal distributions, and can be higher. */
  readonly density: number;
  /** Share of reals whose neighbourhood holds an output, in [0, 1]. */
  readonly coverage: number;
  /** Share of outputs that lie in the neighbourhood of a real image. */
  readonly precision: number;
  /** Share of reals that lie in the neighbourhood of an output. */
  readonly recall: number;
}

/**
 * Density and coverage (Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", equations 4 and 6), higher is better.
 * With r(x) the distance of a real x to its k-th nearest other real: density is the sum over outputs y and reals x of [|x - y| < r(x)] / (k m), m the
 * number of outputs; coverage is the share of reals x with any |x - y| < r(x). Both rest on neighbourhoods of reals alone, so that an outlier among
 * the outputs does not count as diversity, as it does in recall.
 *
 * Equals `compute_prdc` of clovaai/generative-evaluation-prdc, whose neighbourhoods are open: an image at the radius is outside, unlike in
 * {@link precisionRecall}. Time grows with the product of the numbers of images; memory is a few numbers an image, and blocks of 1024 rows.
 *
 * @throws {ReconlossError} `invalid-argument` when a side has no more than `neighbours` images; `shape` when the sides' features differ in length;
 *   `non-finite` for features that are NaN or infinite
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { densityCoverage, MemoryRows } from "@reconloss/core/metrics";
 * const [output, real] = [new MemoryRows(), new MemoryRows()];
 * real.append(Tensor.from([0, 2, 10, 12], [4, 1, 1, 1])); // each neighbourhood reaches 2 to both sides
 * output.append(Tensor.from([0.5, 1.5], [2, 1, 1, 1])); // only in the first cluster, in both of its neighbourhoods
 * const { density, coverage } = await densityCoverage(output, real, { neighbours: 1 });
 * density; // 2
 * coverage; // 0.5
 * ```
 */
export async function densityCoverage(
  output: FeatureRows,
  real: FeatureRows,
  options: DensityCoverageOptions = {},
): Promise<DensityCoverageResult> {
  const { protocol, neighbours } = settingsOf(table, options);
  refuseRows("prdc", output, real, neighbours + 1);
  const counts = await neighbourhoodCounts(output, real, { k: neighbours, closed: false });
  const held = counts.output.reduce((sum, count) => sum + count, 0);
  const density = held / (neighbours * output.count);
  const few = Math.min(output.count, real.count);
  const points = counts.radii.real.reduce((sum, radius) => sum + Number(radius === 0), 0);
  return {
    metric: "prdc",
    value: density,
    density,
    coverage: shareAbove0(counts.held),
    precision: shareAbove0(counts.output),
    recall: shareAbove0(counts.real),
    images: { output: output.count, real: real.count },
    protocol: { ...protocol, features: output.dimension, neighbours },
    hint: "compare only with equally many images on each side and the same number of neighbours",
    warnings: [
      ...(few < 1000 ? [`${areFew(few, protocol)} for neighbourhoods; customary are 10000 or more`] : []),
      ...(points > 0
        ? [
            `${counted(points, "real has", "reals have")} ${counted(neighbours, "copy", "copies")} or more among the reals, and so an empty neighbourhood`,
          ]
        : []),
    ],
  };
}

/** {@link densityCoverage} as a metric of sets. */
export const prdc = defineMetric({
  ...table,
  summary: "density and coverage, with precision and recall, of the neighbourhoods of reals",
  better: "higher",
  source: "Naeem et al. 2020; equals prdc",
  features: "main",
  needs: { output: "rows", real: "rows" },
  numbers: ["density", "coverage"],
  compute: ({ output, real }, options, { protocol }) => densityCoverage(output, real, { ...options, protocol }),
  detail: ({ protocol }) => [`k = ${protocol.neighbours}`],
});
