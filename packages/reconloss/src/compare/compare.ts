import { type ErrorCode, type Loss, ReconlossError } from "@reconloss/core";
import { checkDevice, checkPixelRange } from "@reconloss/core/internal";
import { reasonOf } from "../files.ts";
import type { ImagePair } from "../image/index.ts";
import type { CompareOptions } from "./compare-options.ts";
import type { FileContents } from "./file-contents.ts";
import { inspect } from "./inspect.ts";
import { checkLoadOptions, type LoadedPair, loadPair } from "./load.ts";
import { matchChannels, measure } from "./measure.ts";
import type { Note, Outcome } from "./types.ts";

/** Errors that no other pair would escape: they end the comparison. */
const endsAll: ReadonlySet<ErrorCode> = new Set(["missing-dependency", "missing-weights", "download", "checkpoint"]);

/** A pair as it was read, or why it was not. */
export type Loaded = LoadedPair | { error: unknown };

/** The message for a list of failures, or the error itself where going on makes no sense. */
function messageOf(error: unknown, { onError }: CompareOptions): string {
  if (error instanceof ReconlossError && endsAll.has(error.code)) throw error;
  onError?.(error);
  return reasonOf(error);
}

/** One that is computed, the next ones decoded meanwhile. */
const defaultJobs = 3;

async function comparePair(
  load: typeof loadPair,
  pair: ImagePair,
  losses: readonly Loss[],
  options: CompareOptions,
): Promise<Outcome> {
  const compute = async (some: readonly Loss[], contents?: FileContents) => {
    const loaded = await load(pair, options, contents).catch((error: unknown) => ({ error }));
    return measurePair(pair, some, loaded, options);
  };
  return options.finished?.outcome(pair, losses, options, compute) ?? compute(losses);
}

/** A note on a number that is not finite: identical images have the best that there is. */
function notFinite({ label, better, definition }: Loss, value: number, name: string): Note {
  const isBest = value === (better === "higher" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);
  const consequence = definition?.poolScores
    ? "the mean includes it with an error of 0"
    : "the mean and the other statistics leave it out";
  return isBest
    ? { kind: "identical", name, loss: label, text: `what ${label} compares is identical; ${consequence}` }
    : { kind: "not-finite", name, loss: label, text: `${label} is ${value}; ${consequence}` };
}

/** Measures a pair that has been read. */
export async function measurePair(
  pair: ImagePair,
  losses: readonly Loss[],
  loaded: Loaded,
  options: CompareOptions,
): Promise<Outcome> {
  const { name, output, target } = pair;
  const outcome: Outcome = { failures: [], notes: [], maps: {} };
  if ("error" in loaded) {
    const group = pair.group === undefined ? {} : { group: pair.group };
    outcome.failures.push({ output, target, ...group, error: messageOf(loaded.error, options) });
    return outcome;
  }
  outcome.notes.push(...loaded.notes);
  const images = matchChannels(loaded.images);
  // Losses of one image look at it as it is.
  if (images.converted && losses.some(({ needsTarget }) => needsTarget)) {
    const text = `the ${images.converted} is grey and was compared as three equal channels`;
    outcome.notes.push({ kind: "grey-as-colour", name, text });
  }
  if (options.inspect ?? true) {
    outcome.notes.push(...inspect(images, loaded.weight).map((note) => ({ ...note, name })));
  }
  const [, , height, width] = images.output.shape;
  const values: Record<string, number> = {};
  const targetValues: Record<string, number> = {};
  const scores: Record<string, number> = {};
  for (const loss of losses) {
    const { label } = loss;
    const statistics = (options.mapStatistics ?? []).flatMap((of) => (of.label === label ? [of.statistic] : []));
    try {
      const requested = { map: options.maps, statistics, device: options.device, weight: loaded.weight };
      const measured = await measure(loss, { read: loaded.images, matched: images }, requested);
      values[label] = measured.value;
      if (measured.targetValue !== undefined) targetValues[label] = measured.targetValue;
      if (measured.score !== undefined) scores[label] = measured.score;
      if (!Number.isFinite(measured.value)) outcome.notes.push(notFinite(loss, measured.value, name));
      if (measured.tiles !== undefined) {
        const text = `${label} was computed in ${measured.tiles} tiles, because the image is too large to process at once`;
        outcome.notes.push({ kind: "tiled", name, loss: label, text });
      }
      if (measured.isOfWorseBackground) {
        const text = `${label} needs colours: its value is the worse of those over black and over white`;
        outcome.notes.push({ kind: "alpha-worst", name, loss: label, text });
      }
      for (const [statistic, value] of measured.statistics) values[`${label}.${statistic}`] = value;
      if (options.maps && measured.map) outcome.maps[label] = measured.map;
    } catch (error) {
      const text = messageOf(error, options);
      const refused = error instanceof ReconlossError && error.code === "shape" && options.optional?.has(label);
      if (refused) outcome.notes.push({ kind: "left-out", name, loss: label, text });
      else outcome.failures.push({ output, target, loss: label, error: text });
    }
  }
  outcome.result = { name, output, target, width, height, values, scores };
  if (pair.group !== undefined) outcome.result.group = pair.group;
  if (Object.keys(targetValues).length > 0) outcome.result.targetValues = targetValues;
  return outcome;
}

/**
 * Compares pairs of image files; outcomes come in the order of the pairs. Some pairs are in work at a time, so that files are decoded while others
 * are computed, and no more than those are in memory. What is wrong with a pair is in its outcome and does not stop the others. A grey image against a colour image counts as three equal
 * channels, with a note; so is a loss whose value was put together from tiles because the image is too large to be computed at once.
 *
 * @throws {ReconlossError} `missing-dependency`, `missing-weights`, `download` or `checkpoint`, from which no pair would be spared; `invalid-argument` for a loss whose options
 * say that images are not in [0, 1], as those from files always are, or for options of pixels that make no sense
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { parseLosses, Tensor } from "reconloss";
 * import { comparePairs } from "reconloss/compare";
 * import { pairPaths, writeImage } from "reconloss/image";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * const [output, target] = [join(folder, "output.png"), join(folder, "target.png")];
 * await writeImage(output, Tensor.full([1, 1, 16, 16], 0.2));
 * await writeImage(target, Tensor.full([1, 1, 16, 16], 0.6));
 * const { pairs } = await pairPaths(output, target);
 * for await (const { result, failures } of comparePairs(pairs, parseLosses("psnr, ssim"))) console.log(result?.values, failures);
 * ```
 */
export async function* comparePairs(
  pairs: readonly ImagePair[],
  losses: readonly Loss[],
  options: CompareOptions = {},
): AsyncGenerator<Outcome, void, void> {
  yield* comparePairsBy(loadPair, pairs, losses, options);
}

/** {@link comparePairs} with a way of one's own to read a pair. */
export async function* comparePairsBy(
  load: typeof loadPair,
  pairs: readonly ImagePair[],
  losses: readonly Loss[],
  options: CompareOptions,
): AsyncGenerator<Outcome, void, void> {
  checkPixelRange(losses, "files");
  checkLoadOptions("comparePairs", options);
  checkDevice("comparePairs", options.device);
  const { jobs = defaultJobs } = options;
  if (!Number.isSafeInteger(jobs) || jobs < 1) {
    throw new ReconlossError(
      "invalid-argument",
      `comparePairs: jobs must be a whole number of at least 1, got ${jobs}`,
    );
  }
  const pending: Promise<Outcome>[] = [];
  let started = 0;
  while (started < pairs.length || pending.length > 0) {
    while (started < pairs.length && pending.length < jobs) {
      const outcome = comparePair(load, pairs[started++], losses, options);
      // A failure is thrown when its turn comes, not before.
      outcome.catch(() => {});
      pending.push(outcome);
    }
    yield await (pending.shift() as Promise<Outcome>);
  }
}
