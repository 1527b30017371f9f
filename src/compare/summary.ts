import { reference } from "../graph/reference.ts";
import type { UnpairedImage } from "../image/index.ts";
import { poolScores } from "../losses/evaluate.ts";
import type { Loss } from "../losses/index.ts";
import type { Comparison, Failure, Outcome, PairResult } from "./types.ts";

/** The number of a loss over all pairs that have it, or undefined where none has. */
function meanOf({ spec, definition }: Loss, pairs: readonly PairResult[]): number | undefined {
  const measured = pairs.filter(({ values }) => values[spec] !== undefined);
  if (measured.length === 0) return undefined;
  if (!definition?.poolScores) return measured.reduce((sum, { values }) => sum + values[spec], 0) / measured.length;
  const data = Float64Array.from(measured, ({ scores }) => scores?.[spec] as number);
  return poolScores(reference, definition, { data, shape: [data.length, 1, 1, 1] }).data[0];
}

function failureOf({ side, path, reason }: UnpairedImage): Failure {
  const [output, target] = side === "output" ? [path, null] : [null, path];
  return { output, target, error: reason };
}

/** What a list of failures has to say of an image without a partner. */
export function unpairedFailures(unpaired: readonly UnpairedImage[]): Failure[] {
  return unpaired.map(failureOf);
}

/**
 * What came out of all pairs together. The mean of a loss is over the pairs that have it; a loss with `pooling=dataset` pools its scores first, as it
 * does with a batch. An optional loss that was computed of no pair is left out altogether.
 *
 * @param optional - specifications of the losses that pairs may go without
 * @example
 * ```ts
 * import { parseLosses } from "reconloss";
 * import { summarise } from "reconloss/compare";
 * const [a, b] = [10, 20].map((psnr) => ({ name: "a.png", output: "x/a.png", target: "y/a.png", width: 8, height: 8, values: { psnr } }));
 * const outcomes = [a, b].map((result) => ({ result, failures: [], notes: [], maps: {} }));
 * summarise(parseLosses("psnr"), outcomes).mean; // { psnr: 15 }
 * ```
 */
export function summarise(
  losses: readonly Loss[],
  outcomes: readonly Outcome[],
  failed: readonly Failure[] = [],
  optional: ReadonlySet<string> = new Set(),
): Comparison {
  const pairs = outcomes.flatMap(({ result }) => result ?? []);
  const means = losses.map((loss) => [loss, meanOf(loss, pairs)] as const);
  return {
    losses: means.filter(([{ spec }, mean]) => mean !== undefined || !optional.has(spec)).map(([loss]) => loss),
    pairs,
    mean: Object.fromEntries(means.flatMap(([{ spec }, mean]) => (mean === undefined ? [] : [[spec, mean]]))),
    failed: [...outcomes.flatMap(({ failures }) => failures), ...failed],
    notes: outcomes.flatMap(({ notes }) => notes),
  };
}
