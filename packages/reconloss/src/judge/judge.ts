import { type Device, type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import {
  type CompareOptions,
  comparePairs,
  FinishedPairs,
  type Outcome,
  summarise,
  unpairedFailures,
} from "../compare/index.ts";
import { type LoadOptions, loadOptionsOf } from "../compare/load.ts";
import { type Measures, measuresFor } from "../compare/measures.ts";
import { type ImagePair, type Pairing, type PairOptions, pairPaths } from "../image/index.ts";
import { NoOutputFits } from "../image/pairs.ts";
import { checkMethods, judgementOf, type StatisticalOptions, statisticalOf } from "./judgement.ts";
import type { JudgedMethod, Judgement } from "./types.ts";

/** A method by its name and where its outputs are. */
export interface MethodOutputs {
  readonly name: string;
  /** An image, or a folder of images. */
  readonly outputs: string;
}

/** The methods and targets that are judged, and the options of judging. */
export interface JudgeOptions extends LoadOptions, PairOptions, StatisticalOptions {
  /** Outputs by the name of the method, or a list of both, which keeps the order of names that are numbers. */
  readonly methods: Readonly<Record<string, string>> | readonly MethodOutputs[];
  /** The target, or a folder of targets. */
  readonly targets: string;
  /** As `reconloss compare --metrics` takes them; default: psnr, ssim, ms-ssim, lpips(net=tiny), deltaE and l1, or the protocol's. */
  readonly metrics?: string;
  /** As `reconloss compare --protocol` takes it. */
  readonly protocol?: string;
  /** The value of `scale` in `crop=scale` of metrics; default: the protocol's. */
  readonly scale?: number;
  /** Metrics that models of one's own compute (`openModelMetric`). */
  readonly models?: readonly Loss[];
  /** Losses of one's own that `metrics` names. */
  readonly losses?: readonly LossFactory[];
  /** The device of networks; default: the CPU. */
  readonly device?: Device;
  /** As of `comparePairs`. */
  readonly inspect?: boolean;
  /** The folder in which finished pairs are kept for the next run, or `false` to keep none. Default: in reconloss's cache folder. */
  readonly cache?: string | false;
  /** The number of pairs in work at a time; default 3. */
  readonly jobs?: number;
  /** Called after each pair, in their order. */
  readonly onOutcome?: (method: string, outcome: Outcome) => void;
}

function methodsOf(methods: JudgeOptions["methods"]): readonly MethodOutputs[] {
  if (typeof methods !== "object" || methods === null) {
    throw new ReconlossError("invalid-argument", "judge: methods must be an object of outputs by name, or a list");
  }
  const listed = Array.isArray(methods)
    ? (methods as readonly MethodOutputs[])
    : Object.entries(methods as Readonly<Record<string, string>>).map(([name, outputs]) => ({ name, outputs }));
  for (const method of listed) {
    checkArguments("judge", { method: [method, "object", ["name", "outputs"]] });
    checkArguments("judge", { name: [method.name, "text"], outputs: [method.outputs, "text"] });
  }
  checkMethods(listed);
  return listed;
}

/**
 * Judges the outputs of several methods by the same targets: what `reconloss compare a=... b=... --targets ...` prints. A metric's means are over the images of which every method has a
 * finite number, so that no method is judged on easier images than another; what is missing is listed in `failed`. Each mean has a bootstrap interval (BCa, 9999 samples of images, the same
 * for all methods), and each method but the best a Wilcoxon signed-rank test against it, corrected after Holm.
 *
 * @throws {ReconlossError} as `pairPaths` and `comparePairs`; `invalid-argument` for no methods, or two of one name
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { writeImage } from "reconloss/image";
 * import { judge } from "reconloss/judge";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * for (const [name, level] of [["targets", 0.6], ["ours", 0.5], ["theirs", 0.2]] as const) {
 *   for (const image of ["a.png", "b.png"]) await writeImage(join(folder, name, image), Tensor.full([1, 1, 16, 16], level));
 * }
 * const methods = { ours: join(folder, "ours"), theirs: join(folder, "theirs") };
 * const { columns } = await judge({ methods, targets: join(folder, "targets"), metrics: "l1" });
 * columns[0].cells.map(({ place }) => place); // ["best", "second"]
 * ```
 */
export async function judge(options: JudgeOptions): Promise<Judgement> {
  checkArguments("judge", { options: [options, "object", ["methods", "targets"]] });
  const { targets, metrics, protocol, scale, models, losses: plugins, device, cache, jobs, onOutcome } = options;
  checkArguments("judge", {
    targets: [targets, "text"],
    metrics: [metrics, "text?"],
    protocol: [protocol, "text?"],
    models: [models, "objects?"],
    losses: [plugins, "list?"],
    jobs: [jobs, "count?"],
    onOutcome: [onOutcome, "function?"],
  });
  const statistics = statisticalOf("judge", options);
  const listed = methodsOf(options.methods);
  const asked = { metrics, protocol, scale, models, plugins, pixels: loadOptionsOf(options) };
  const measures = measuresFor(asked);
  if (cache !== undefined && cache !== false && typeof cache !== "string") {
    throw new ReconlossError("invalid-argument", "judge: cache must be the path of a folder, or false");
  }
  // Where the folder is not named, numbers are had without it too.
  const finished = cache === false ? undefined : new FinishedPairs(cache, cache === undefined ? () => {} : undefined);
  const { pair, exclude, masks, ignore, inspect } = options;
  const pairing = { pair, exclude, masks, ignore };
  const run = {
    device,
    finished,
    pairing,
    ...(inspect === undefined ? {} : { inspect }),
    ...(jobs === undefined ? {} : { jobs }),
    onOutcome,
  };
  const methods = await compareMethods(listed, targets, measures, run).finally(() => finished?.close());
  return judgementOf({ methods, targets, losses: measures.losses, applied: measures.applied }, statistics);
}

/** The options of comparing the pairs of methods, beside those of the losses. */
export interface MethodsOptions extends Omit<CompareOptions, keyof LoadOptions | "optional"> {
  /** The options of pairing images; default: those of the same names. */
  readonly pairing?: PairOptions;
  /** Selects the pairs that are compared; default: all. */
  readonly only?: (pair: ImagePair) => boolean;
  /** Called once, with how many pairs all methods have. */
  readonly onPairs?: (total: number) => void;
  /** Called after each pair, in their order; the next waits for it. */
  readonly onOutcome?: (method: string, outcome: Outcome) => void | Promise<void>;
}

/** The pairs of each method: by the patterns or, where that pairs more of its outputs, by names, as those of a method whose outputs are called as their targets. */
async function pairMethods(
  methods: readonly MethodOutputs[],
  targets: string,
  { pair, ...byNames }: PairOptions,
): Promise<Pairing[]> {
  const pairings: Pairing[] = [];
  const refusals: NoOutputFits[] = [];
  for (const { outputs } of methods) {
    const named = await pairPaths(outputs, targets, byNames);
    const patterned =
      pair === undefined
        ? undefined
        : await pairPaths(outputs, targets, { ...byNames, pair }).catch((error) => {
            if (!(error instanceof NoOutputFits)) throw error;
            refusals.push(error);
            return undefined;
          });
    pairings.push(patterned && patterned.pairs.length >= named.pairs.length ? patterned : named);
  }
  if (refusals.length === methods.length) throw refusals[0];
  return pairings;
}

/** The comparisons of several methods, one after the other. */
export async function compareMethods(
  methods: readonly MethodOutputs[],
  targets: string,
  { losses, pixels, optional, applied }: Measures,
  { pairing: how = {}, only = () => true, onPairs, onOutcome, ...options }: MethodsOptions = {},
): Promise<JudgedMethod[]> {
  const pairings = (await pairMethods(methods, targets, how)).map((pairing) => ({
    ...pairing,
    pairs: pairing.pairs.filter(only),
  }));
  onPairs?.(pairings.reduce((sum, { pairs }) => sum + pairs.length, 0));
  const compared: JudgedMethod[] = [];
  for (const [index, { pairs, unpaired, ignoredFiles, proposal }] of pairings.entries()) {
    const { name, outputs } = methods[index];
    const outcomes: Outcome[] = [];
    for await (const outcome of comparePairs(pairs, losses, { ...pixels, ...options, optional })) {
      await onOutcome?.(name, outcome);
      outcomes.push({ ...outcome, maps: {} });
    }
    const comparison = summarise(losses, outcomes, unpairedFailures(unpaired), optional, applied);
    compared.push({
      name,
      outputs,
      comparison: { ...comparison, ...(ignoredFiles === undefined ? {} : { ignoredFiles }) },
      ...(proposal === undefined ? {} : { proposal }),
    });
  }
  return compared;
}
