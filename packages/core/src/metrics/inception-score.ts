import { choice, flag, integer, number, type OptionsOf } from "../definitions/options.ts";
import { ReconlossError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { counted } from "../text.ts";
import { checkInstance } from "./arguments.ts";
import { defineMetric, deviation, optionsIn } from "./definition.ts";
import { checkRows, checkSide, type FeatureRows, MemoryRows, type Side } from "./features.ts";
import { areFew, type Metric, type MetricResult } from "./metric.ts";
import { NumpyRandom } from "./numpy-random.ts";
import { forBlocks, numbersFrom, selection } from "./points.ts";
import { type MetricOptions, settingsOf } from "./settings.ts";

const schema = {
  preset: choice(["torch-fidelity", "adm", "ignite"], "torch-fidelity", "whose Inception Score"),
  splits: integer(10, "split i of s takes the images from floor(i n / s) on", { min: 1 }),
  splitSize: integer(0, "instead of splits: that many images in each, the last one with what is left", { min: 0 }),
  shuffle: flag(
    true,
    "whether images are put in a random order first; class-ordered samples score far too low unshuffled",
  ),
  seed: integer(2020, "the seed of that order, as in numpy's RandomState(seed).permutation(n)", { min: 0 }),
  eps: number(0, "added to probabilities inside the logarithm", { min: 0 }),
};

/** The conventions of three evaluators; their scores of one set of images differ in the second digit. */
const presets = {
  /** Shuffled with seed 2020, 10 splits. Made for logits of the FID network without bias. */
  "torch-fidelity": { splits: 10, splitSize: 0, shuffle: true, seed: 2020, eps: 0 },
  /** In order, splits of 5000 and what is left. Made for logits of the FID network without bias. */
  adm: { splitSize: 5000, shuffle: false, seed: 0, eps: 0 },
  /** One split. Made for logits of torchvision's inception_v3. */
  ignite: { splits: 1, splitSize: 0, shuffle: false, seed: 0, eps: 1e-16 },
};

const table = {
  name: "is",
  options: schema,
  presets,
  // Splits that are asked for do without the preset's size of them.
  implies: ({ splits }: Partial<OptionsOf<typeof schema>>) => (splits === undefined ? {} : { splitSize: 0 }),
};

/** Options of {@link InceptionScore}; what is not given comes from the preset. */
export type InceptionScoreOptions = MetricOptions<typeof schema>;

/** The Inception Score. */
export interface InceptionScoreResult extends MetricResult {
  /** Standard deviation over the splits, with s in the divisor. */
  readonly std: number;
  /** The score of each split. */
  readonly splits: readonly number[];
}

/**
 * The Inception Score `exp(mean KL(p(y|x) || p(y)))` (Salimans et al. 2016, "Improved techniques for training GANs") from rows of logits; the
 * mean over splits. From 1 (all images alike, or none recognisable) to the number of classes; higher is better.
 *
 * @throws {ReconlossError} `invalid-argument` when there are fewer images than splits
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { InceptionScore } from "@reconloss/core/metrics";
 * const score = new InceptionScore({ preset: "ignite" });
 * score.update("output", Tensor.from([99, 0, 0, 99], [2, 2, 1, 1])); // logits: one image of each class, both beyond doubt
 * (await score.compute()).value; // 2
 * ```
 */
export async function inceptionScore(
  logits: FeatureRows,
  options: InceptionScoreOptions = {},
): Promise<InceptionScoreResult> {
  checkRows("logits", logits);
  const { protocol, preset, splits, splitSize, shuffle, seed, eps } = settingsOf(table, options);
  const n = logits.count;
  const bounds = splitBounds(n, splits, splitSize);
  const order = shuffle ? new NumpyRandom(seed).permutation(n) : undefined;
  const scores: number[] = [];
  for (const [start, end] of bounds) {
    scores.push(await scoreOf(selection(logits, order?.subarray(start, end) ?? numbersFrom(start, end)), eps));
  }
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  return {
    metric: "is",
    value: mean,
    std: Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length),
    splits: scores,
    images: { output: n },
    protocol: {
      ...protocol,
      preset,
      splits: bounds.length,
      splitSize: bounds[0][1] - bounds[0][0],
      shuffle,
      ...(shuffle ? { seed } : {}),
      ...(eps > 0 ? { eps } : {}),
    },
    hint: "compare only with scores of the same network, number of images and splits",
    warnings:
      n < 5000 ? [`${areFew(n, protocol)}: the score falls with their number in a split; customary are 50000`] : [],
  };
}

/** First and end of each split; of a `splitSize` above 0 as many as there are. */
function splitBounds(n: number, splits: number, splitSize: number): [number, number][] {
  const count = splitSize > 0 ? Math.max(1, Math.ceil(n / splitSize)) : splits;
  if (n < count || n === 0) {
    throw new ReconlossError(
      "invalid-argument",
      `the Inception Score: ${counted(n, "image", "images")} cannot be cut into ${counted(count, "split", "splits")}`,
    );
  }
  return Array.from({ length: count }, (_, i) =>
    splitSize > 0
      ? [i * splitSize, Math.min((i + 1) * splitSize, n)]
      : [Math.floor((i * n) / count), Math.floor(((i + 1) * n) / count)],
  );
}

/** exp of the mean divergence of each image's classes from those of all, of rows of logits. */
export async function scoreOf(logits: FeatureRows, eps = 0): Promise<number> {
  const classes = logits.dimension;
  const marginal = new Float64Array(classes);
  let negativeEntropy = 0;
  await forBlocks(logits, ({ data }) => {
    for (let at = 0; at < data.length; at += classes) {
      const p = softmax(data.subarray(at, at + classes));
      for (let c = 0; c < classes; c++) {
        marginal[c] += p[c];
        negativeEntropy += timesLog(p[c], eps);
      }
    }
  });
  const n = logits.count;
  const ofMarginal = marginal.reduce((sum, total) => sum + timesLog(total / n, eps), 0);
  return Math.exp(negativeEntropy / n - ofMarginal);
}

/** p log(p + eps), which is 0 at 0. */
function timesLog(p: number, eps: number): number {
  return p === 0 ? 0 : p * Math.log(p + eps);
}

/** In place. */
function softmax(values: Float64Array): Float64Array {
  const largest = values.reduce((max, value) => Math.max(max, value), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] = Math.exp(values[i] - largest);
  for (let i = 0; i < values.length; i++) values[i] /= sum;
  return values;
}

/**
 * {@link inceptionScore} fed with batches of logits, which it keeps in memory: shuffling needs all of them. Only outputs count; updates with
 * reals are an error.
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { InceptionScore } from "@reconloss/core/metrics";
 * const score = new InceptionScore({ splits: 1, shuffle: false });
 * score.update("output", Tensor.full([4, 10, 1, 1], 0)); // four images of which the network knows nothing
 * (await score.compute()).value; // 1
 * ```
 */
export class InceptionScore implements Metric<InceptionScoreResult> {
  readonly #options: InceptionScoreOptions;
  readonly #rows = new MemoryRows();

  constructor(options: InceptionScoreOptions = {}) {
    settingsOf(table, options);
    this.#options = options;
  }

  update(side: Side, logits: Tensor): void {
    checkSide(side);
    if (side !== "output") {
      throw new ReconlossError("invalid-argument", "the Inception Score is computed from outputs only");
    }
    this.#rows.append(logits);
  }

  merge(other: InceptionScore): void {
    checkInstance("other", other, InceptionScore);
    this.#rows.appendAll(other.#rows);
  }

  reset(): void {
    this.#rows.clear();
  }

  compute(): Promise<InceptionScoreResult> {
    return inceptionScore(this.#rows, this.#options);
  }
}

/** {@link inceptionScore} as a metric of sets. */
export const is = defineMetric({
  ...table,
  summary: "Inception Score: how sure the network is of each output, and how varied the outputs are",
  better: "higher",
  source: "Salimans et al. 2016; equals torch-fidelity, the ADM evaluator or ignite, by preset",
  features: "logits",
  needs: { output: "rows" },
  network: "inception",
  flags: { seed: "seed" },
  compute: ({ output }, options, { protocol }) => inceptionScore(output, { ...options, protocol }),
  detail: (result) => [...deviation(result), ...optionsIn(table, result, ["preset", "splits", "seed"])],
});
