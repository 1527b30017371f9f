import { type Device, type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { comparePairsBy } from "../compare/compare.ts";
import { type CompareOptions, FinishedPairs, type Outcome, summarise, unpairedFailures } from "../compare/index.ts";
import { keepingTargets, type LoadOptions, loadOptionsOf } from "../compare/load.ts";
import { type Measures, measuresFor } from "../compare/measures.ts";
import type { ImagePair, Pairing, PairOptions } from "../image/index.ts";
import { checkPairOptions, Listings, NoOutputFits, pairPathsOf } from "../image/pairs.ts";
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
  /** Called after each pair: target by target, the methods in their order. */
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
  /** Called after each pair, target by target and the methods in their order; the next waits for it. */
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
  const listings = new Listings();
  checkPairOptions("pairPaths", { pair, ...byNames });
  const paired = (outputs: string, options: PairOptions) => pairPathsOf(listings, outputs, targets, options);
  for (const { outputs } of methods) {
    const named = await paired(outputs, byNames);
    const patterned =
      pair === undefined
        ? undefined
        : await paired(outputs, { ...byNames, pair }).catch((error) => {
            if (!(error instanceof NoOutputFits)) throw error;
            refusals.push(error);
            return undefined;
          });
    pairings.push(patterned && patterned.pairs.length >= named.pairs.length ? patterned : named);
  }
  if (refusals.length === methods.length) throw refusals[0];
  return pairings;
}

/** A pair of a method, by the places of both. */
interface MethodPair {
  readonly method: number;
  readonly at: number;
  readonly pair: ImagePair;
}

/** The pairs of all methods, those of one target behind each other. */
function byTarget(pairings: readonly Pick<Pairing, "pairs">[]): MethodPair[] {
  const targets = new Map<string, MethodPair[]>();
  for (const [method, { pairs }] of pairings.entries()) {
    for (const [at, pair] of pairs.entries()) {
      const own = targets.get(pair.target);
      if (own === undefined) targets.set(pair.target, [{ method, at, pair }]);
      else own.push({ method, at, pair });
    }
  }
  return [...targets.values()].flat();
}

/** The comparisons of several methods, target by target, so that each is decoded once. */
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
  const order = byTarget(pairings);
  const outcomes: Outcome[][] = pairings.map(() => []);
  const all = comparePairsBy(
    keepingTargets(),
    order.map(({ pair }) => pair),
    losses,
    { ...pixels, ...options, optional },
  );
  let done = 0;
  for await (const outcome of all) {
    const { method, at } = order[done++];
    await onOutcome?.(methods[method].name, outcome);
    outcomes[method][at] = { ...outcome, maps: {} };
  }
  return pairings.map(({ unpaired, ignoredFiles, proposal }, index) => ({
    ...methods[index],
    comparison: {
      ...summarise(losses, outcomes[index], unpairedFailures(unpaired), optional, applied),
      ...(ignoredFiles === undefined ? {} : { ignoredFiles }),
    },
    ...(proposal === undefined ? {} : { proposal }),
  }));
}
