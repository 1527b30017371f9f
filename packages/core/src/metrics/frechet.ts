import { ReconlossError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { checkFields, checkInstance } from "./arguments.ts";
import { defineMetric, type MetricContext } from "./definition.ts";
import type { Side } from "./features.ts";
import { checkSide } from "./features.ts";
import { type FrechetParts, frechetDistance } from "./frechet-distance.ts";
import { itemsOf, type Metric, type MetricResult, type Protocol } from "./metric.ts";
import { checkStatisticsKind, Moments, type Statistics } from "./moments.ts";

/** FID or sFID. */
export interface FrechetResult extends MetricResult, FrechetParts {
  /**
   * The expected distance of the means if both sets were drawn from one population: tr(S1) / n1 + tr(S2) / n2, over the sides whose
   * number of images is known.
   */
  readonly sampling: number;
}

/** Options of {@link FrechetMetric}. */
export interface FrechetOptions {
  /** `fid` (default) or `sfid`; only a name, the difference is in the features. */
  name?: string;
  /** Statistics of the reals, such as a published file's; they then need no update. */
  real?: Statistics;
  /** Travels into the result. */
  protocol?: Protocol;
}

const optionKinds = { name: "string", real: "object", protocol: "object" } as const;

/**
 * The result for two sets of statistics, with warnings.
 *
 * @throws {ReconlossError} `shape`, `non-finite`
 */
export async function frechetResult(
  output: Statistics,
  real: Statistics,
  options: Omit<FrechetOptions, "real"> = {},
): Promise<FrechetResult> {
  checkFields("options", options, optionKinds);
  const { name = "fid", protocol = {} } = options;
  const parts = await frechetDistance(output, real);
  const sampling = samplingShare(output) + samplingShare(real);
  const items = itemsOf(protocol);
  return {
    metric: name,
    ...parts,
    images: { output: output.count ?? Number.NaN, real: real.count },
    protocol: { ...protocol, features: output.mean.length },
    sampling,
    hint: `${name} of a sample is too high, by an amount that shrinks as 1/n: compare only numbers from equally many images (${sampling.toPrecision(3)} is expected of the means alone)`,
    warnings: [...rankWarning(`output ${items}`, output), ...rankWarning(`real ${items}`, real)],
  };
}

function samplingShare({ count, mean, covariance }: Statistics): number {
  if (count === undefined) return 0;
  return mean.reduce((trace, _, i) => trace + covariance.data[i * mean.length + i], 0) / count;
}

function rankWarning(items: string, { count, mean }: Statistics): string[] {
  if (count === undefined || count > mean.length) return [];
  return [
    `${count} ${items} cannot fill the covariance of ${mean.length} features (its rank is at most ${count - 1}); use more than ${mean.length}, customarily 10000 or more`,
  ];
}

/**
 * The Frechet Inception Distance of outputs to reals, from batches of features (Heusel et al. 2017, "GANs trained by a two time-scale
 * update rule"): 0 for equal means and covariances, no upper limit, lower is better. sFID (Nash et al. 2021) is the same over
 * spatial features. The numbers equal pytorch-fid's for the same features.
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { FrechetMetric } from "@reconloss/core/metrics";
 * const fid = new FrechetMetric({ protocol: { network: "mine" } });
 * fid.update("real", Tensor.from([0, 2], [2, 1, 1, 1]));
 * fid.update("output", Tensor.from([1, 3], [2, 1, 1, 1]));
 * (await fid.compute()).value; // 1: the same variance, the mean moved by 1
 * ```
 */
export class FrechetMetric implements Metric<FrechetResult> {
  readonly #options: FrechetOptions;
  readonly #moments: Record<Side, Moments> = { output: new Moments(), real: new Moments() };

  constructor(options: FrechetOptions = {}) {
    checkFields("options", options, optionKinds);
    if (options.real !== undefined) checkStatisticsKind("options.real", options.real);
    this.#options = options;
  }

  update(side: Side, features: Tensor): void {
    checkSide(side);
    if (side === "real" && this.#options.real) {
      throw new ReconlossError("invalid-argument", "the reals are already given as statistics");
    }
    this.#moments[side].update(features);
  }

  merge(other: FrechetMetric): void {
    checkInstance("other", other, FrechetMetric);
    for (const side of ["output", "real"] as const) this.#moments[side].merge(other.#moments[side]);
  }

  reset(side?: Side): void {
    if (side !== undefined) checkSide(side);
    for (const each of side ? [side] : (["output", "real"] as const)) this.#moments[each].reset();
  }

  async compute(): Promise<FrechetResult> {
    const { real = this.#moments.real.statistics(), ...options } = this.#options;
    return frechetResult(this.#moments.output.statistics(), real, options);
  }
}

/** The common part of the three: only the features differ. */
const shared = {
  better: "lower",
  needs: { output: "moments", real: "moments" },
  options: {},
  compute: (
    { output, real }: { output: Statistics; real: Statistics },
    _: unknown,
    { name, protocol }: MetricContext,
  ) => frechetResult(output, real, { name, protocol }),
} as const;

/** {@link frechetResult} of Inception's main features as a metric of sets. */
export const fid = defineMetric({
  ...shared,
  name: "fid",
  summary: "Frechet Inception Distance: between the means and covariances of Inception's features",
  source: "Heusel et al. 2017; equals pytorch-fid, clean-fid and torch-fidelity for the same features",
  features: "main",
  network: "inception",
});

/** {@link frechetResult} of Inception's spatial features as a metric of sets. */
export const sfid = defineMetric({
  ...shared,
  name: "sfid",
  summary: "FID of Inception's spatial features, which know where in the image things are",
  source: "Nash et al. 2021; equals the ADM evaluator for the same features",
  features: "spatial",
  network: "inception",
});

/** {@link frechetResult} of any network's features as a metric of sets. */
export const frechet = defineMetric({
  ...shared,
  name: "frechet",
  summary: "the Frechet distance of another network's features, which is no FID",
  source: "Dowson, Landau 1982",
  features: "main",
});
