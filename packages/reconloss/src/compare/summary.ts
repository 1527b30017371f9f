import type { Loss } from "@reconloss/core";
import { reference } from "@reconloss/core/graph";
import { checkArguments, type DecodeKind, decodeKinds, poolScores } from "@reconloss/core/internal";
import { decodeSummary } from "@reconloss/core/pixels";
import type { UnpairedImage } from "../image/index.ts";
import { type AppliedProtocol, recordOf } from "./apply-protocol.ts";
import { statisticOf, statisticsOf } from "./statistics.ts";
import type { Comparison, Failure, Note, Outcome, PairResult } from "./types.ts";

/** The numbers that pairs have under a key. */
export function valuesOf(key: string, pairs: readonly PairResult[]): number[] {
  return pairs.flatMap(({ values }) => values[key] ?? []);
}

/** What a loss with `pooling=dataset` makes of the pooled scores of all pairs; undefined for other losses, and where no pair has it. */
export function pooledMean({ label, definition }: Loss, pairs: readonly PairResult[]): number | undefined {
  if (!definition?.poolScores) return undefined;
  const scores = pairs.flatMap((pair) => pair.scores?.[label] ?? []);
  if (scores.length === 0) return undefined;
  const data = Float64Array.from(scores);
  return poolScores(reference, definition, { data, shape: [data.length, 1, 1, 1] }).data[0];
}

function failureOf({ side, path, reason }: UnpairedImage): Failure {
  const [output, target] = side === "output" ? [path, null] : [null, path];
  return { output, target, error: reason };
}

/** What a list of failures has to say of an image without a partner. */
export function unpairedFailures(unpaired: readonly UnpairedImage[]): Failure[] {
  checkArguments("unpairedFailures", { unpaired: [unpaired, "objects"] });
  return unpaired.map(failureOf);
}

/** Whether a note is of how an image was read. */
export function isDecodeNote(note: Note): note is Note & { kind: DecodeKind } {
  return (decodeKinds as readonly string[]).includes(note.kind);
}

/** A record of what there is by key. */
function byKey<T>(keys: readonly string[], of: (key: string) => T | undefined): Record<string, T> {
  return Object.fromEntries(keys.flatMap((key) => ((value) => (value === undefined ? [] : [[key, value]]))(of(key))));
}

/**
 * What came out of all pairs together. The mean of a loss is over the pairs that have a finite number of it, and `measured` and `notFinite` say how many those
 * are; a loss with `pooling=dataset` pools its scores first, as it does with a batch. An optional loss that was computed of no pair is left out altogether.
 *
 * @param optional - labels of the losses that pairs may go without
 * @param protocol - what the losses were chosen by, which the comparison then writes down
 * @example
 * ```ts
 * import { parseLosses } from "reconloss";
 * import { summarise } from "reconloss/compare";
 * const pair = (psnr: number) => ({ name: "a.png", output: "x/a.png", target: "y/a.png", width: 8, height: 8, values: { psnr } });
 * const outcomes = [10, 20, Infinity].map((psnr) => ({ result: pair(psnr), failures: [], notes: [], maps: {} }));
 * const { mean, measured, notFinite } = summarise(parseLosses("psnr"), outcomes);
 * [mean.psnr, measured.psnr, notFinite.psnr]; // [15, 3, 1]
 * ```
 */
export function summarise(
  losses: readonly Loss[],
  outcomes: readonly Outcome[],
  failed: readonly Failure[] = [],
  optional: ReadonlySet<string> = new Set(),
  protocol?: AppliedProtocol,
): Comparison {
  checkArguments("summarise", {
    losses: [losses, "objects"],
    outcomes: [outcomes, "objects"],
    failed: [failed, "objects?"],
    optional: [optional, "object?"],
    protocol: [protocol, "object?", ["protocol", "losses"]],
  });
  const pairs = outcomes.flatMap(({ result }) => result ?? []);
  const notes = outcomes.flatMap((outcome) => outcome.notes);
  const decode = decodeSummary(notes.filter(isDecodeNote));
  const labels = losses.map(({ label }) => label);
  const keys = [...new Set([...labels, ...pairs.flatMap(({ values }) => Object.keys(values))])];
  const measured = byKey(keys, (key) => valuesOf(key, pairs).length);
  const statistics = byKey(keys, (key) => statisticsOf(valuesOf(key, pairs)));
  const meanOf = (key: string) => {
    const loss = losses.find(({ label }) => label === key);
    const pooled = loss && pooledMean(loss, pairs);
    const values = valuesOf(key, pairs);
    if (values.length === 0) return undefined;
    return pooled ?? statistics[key]?.mean ?? statisticOf("mean", values);
  };
  const comparison: Comparison = {
    losses: losses.filter(({ label }) => measured[label] > 0 || !optional.has(label)),
    pairs,
    mean: byKey(keys, meanOf),
    measured,
    notFinite: byKey(keys, (key) => measured[key] - (statistics[key]?.n ?? 0)),
    statistics,
    targetMean: byKey(labels, (label) => statisticsOf(pairs.flatMap((pair) => pair.targetValues?.[label] ?? []))?.mean),
    failed: [...outcomes.flatMap(({ failures }) => failures), ...failed],
    notes,
    ...(decode === undefined ? {} : { decode }),
  };
  return protocol === undefined ? comparison : { ...comparison, protocol: recordOf(protocol, comparison) };
}
