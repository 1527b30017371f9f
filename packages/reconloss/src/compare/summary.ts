import type { Loss } from "@reconloss/core";
import { reference } from "@reconloss/core/graph";
import { checkArguments, type DecodeKind, decodeKinds, poolScores } from "@reconloss/core/internal";
import { decodeSummary } from "@reconloss/core/pixels";
import type { UnpairedImage } from "../image/index.ts";
import { type AppliedProtocol, recordOf } from "./apply-protocol.ts";
import { statisticOf, statisticsOf } from "./statistics.ts";
import type { Comparison, Failure, Note, Outcome, PairResult } from "./types.ts";

/** The numbers of pairs, by what they are of: all that a summary needs of a pair, and a small part of it. */
export class PairNumbers {
  count = 0;
  readonly #values = new Map<string, number[]>();
  readonly #scores = new Map<string, number[]>();
  readonly #targets = new Map<string, number[]>();
  readonly #losses: readonly Loss[];
  readonly #groups = new Map<string, PairNumbers>();

  /** The losses whose scores are pooled; those of others are their values. */
  readonly #pooled: ReadonlySet<string>;

  constructor(losses: readonly Loss[]) {
    this.#losses = losses;
    this.#pooled = new Set(losses.flatMap(({ label, definition }) => (definition?.poolScores ? [label] : [])));
  }

  static of(pairs: readonly PairResult[], losses: readonly Loss[]): PairNumbers {
    const numbers = new PairNumbers(losses);
    for (const pair of pairs) numbers.add(pair);
    return numbers;
  }

  add(pair: PairResult): void {
    const { values, scores = {}, targetValues = {}, group } = pair;
    this.count++;
    if (group !== undefined) {
      const { group: _, ...rest } = pair;
      const numbers = this.ofGroup(group);
      this.#groups.set(group, numbers);
      numbers.add(rest);
    }
    for (const [key, value] of Object.entries(values)) append(this.#values, key, value);
    for (const [key, score] of Object.entries(scores)) if (this.#isPooled(key)) append(this.#scores, key, score);
    for (const [label, value] of Object.entries(targetValues)) append(this.#targets, label, value);
  }

  /** The groups that pairs belong to, in the order in which they came. */
  get groups(): string[] {
    return [...this.#groups.keys()];
  }

  /** The numbers of the pairs of a group. */
  ofGroup(group: string): PairNumbers {
    return this.#groups.get(group) ?? new PairNumbers(this.#losses);
  }

  /** Of losses and map statistics, in the order in which pairs had them. */
  get keys(): string[] {
    return [...this.#values.keys()];
  }

  values(key: string): readonly number[] {
    return this.#values.get(key) ?? [];
  }

  /** The values of a prior for the targets. */
  targets(label: string): readonly number[] {
    return this.#targets.get(label) ?? [];
  }

  /** Whether a number is of a loss whose scores are pooled, or of a plane of frames by it. */
  #isPooled(key: string): boolean {
    return this.#pooled.has(key) || [...this.#pooled].some((label) => key.startsWith(`${label}.`));
  }

  /**
   * The value of a loss with `pooling=dataset` for the pooled scores of all pairs; undefined for other losses, and where no pair has it.
   *
   * @param key - its label, or that of a plane of frames
   */
  pooled({ label, definition }: Loss, key = label): number | undefined {
    const scores = this.#scores.get(key);
    if (!definition?.poolScores || scores === undefined) return undefined;
    const data = Float64Array.from(scores);
    return poolScores(reference, definition, { data, shape: [data.length, 1, 1, 1] }).data[0];
  }
}

function append(lists: Map<string, number[]>, key: string, number: number | undefined): void {
  if (number === undefined) return;
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [number]);
  else list.push(number);
}

/** Notes that say the same of many pairs. */
export interface NoteGroup {
  /** The first of them, or the one of what costs most. */
  note: Note;
  count: number;
}

/** The key of notes that say the same; their figures may differ. */
function sameNotes({ kind, loss, text, cost }: Note): string {
  if (kind === "left-out") return `without ${loss}`;
  return cost === undefined ? text : kind;
}

/** Outcomes of pairs that come one after the other, of which no more is kept than a summary needs, and the first of them whole. */
export class Outcomes {
  readonly numbers: PairNumbers;
  readonly failures: Failure[] = [];
  readonly #groups = new Map<string, NoteGroup>();
  readonly #decoded = new Map<DecodeKind, number>();
  readonly #mostHeld: number;
  #held: Outcome[] | undefined = [];

  /** @param mostHeld - of more pairs than this, none is kept whole */
  constructor(losses: readonly Loss[], mostHeld = Number.POSITIVE_INFINITY) {
    this.numbers = new PairNumbers(losses);
    this.#mostHeld = mostHeld;
  }

  add(outcome: Outcome): void {
    const { result, failures, notes } = outcome;
    if (result !== undefined) this.numbers.add(result);
    for (const failure of failures) this.failures.push(failure);
    for (const note of notes) {
      const key = sameNotes(note);
      const group = this.#groups.get(key);
      if (group === undefined) this.#groups.set(key, { note, count: 1 });
      else {
        group.count++;
        if ((note.cost ?? 0) > (group.note.cost ?? 0)) group.note = note;
      }
      if (isDecodeNote(note)) this.#decoded.set(note.kind, (this.#decoded.get(note.kind) ?? 0) + 1);
    }
    this.#held?.push(outcome);
    if (this.#held !== undefined && this.#held.length > this.#mostHeld) this.#held = undefined;
  }

  /** The notes on pairs, with the number of pairs of each. */
  get groups(): readonly NoteGroup[] {
    return [...this.#groups.values()].map(({ note, count }) => {
      const isMost = note.cost !== undefined && count > 1;
      return { count, note: isMost ? { ...note, text: `${note.text} in ${note.name}, where it costs most` } : note };
    });
  }

  /** All of them; undefined where they are too many. */
  get held(): readonly Outcome[] | undefined {
    return this.#held;
  }

  get pairs(): PairResult[] {
    return (this.#held ?? []).flatMap(({ result }) => result ?? []);
  }

  get notes(): Note[] {
    return (this.#held ?? []).flatMap(({ notes }) => notes);
  }

  /** The conversions of pixels, with the number of images of each. */
  get decode(): string | undefined {
    return decodeSummary(
      [...this.#decoded].flatMap(([kind, count]) => Array<{ kind: DecodeKind }>(count).fill({ kind })),
    );
  }
}

function failureOf({ side, path, reason, group }: UnpairedImage): Failure {
  const [output, target] = side === "output" ? [path, null] : [null, path];
  return { output, target, ...(group === undefined ? {} : { group }), error: reason };
}

/** The failures of images without a partner. */
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
 * Summarises the outcomes of all pairs. The mean of a loss is over the pairs that have a finite number of it, and `measured` and `notFinite` say how many those
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
  const all = new Outcomes(losses);
  for (const outcome of outcomes) all.add(outcome);
  return summaryOf(losses, all, failed, optional, protocol);
}

/** {@link summarise} of outcomes that came one after the other. */
export function summaryOf(
  losses: readonly Loss[],
  outcomes: Outcomes,
  failed: readonly Failure[],
  optional: ReadonlySet<string>,
  protocol?: AppliedProtocol,
): Comparison {
  const { numbers, pairs, decode } = outcomes;
  const labels = losses.map(({ label }) => label);
  const keys = [...new Set([...labels, ...numbers.keys])];
  const measured = byKey(keys, (key) => numbers.values(key).length);
  const statistics = byKey(keys, (key) => statisticsOf(numbers.values(key)));
  const meanOf = (key: string) => {
    const loss = losses.find(({ label }) => label === key);
    const values = numbers.values(key);
    if (values.length === 0) return undefined;
    return (loss && numbers.pooled(loss)) ?? statistics[key]?.mean ?? statisticOf("mean", values);
  };
  const comparison: Comparison = {
    losses: losses.filter(({ label }) => measured[label] > 0 || !optional.has(label)),
    pairs,
    ...(pairs.length < numbers.count ? { pairsNotHeld: numbers.count } : {}),
    mean: byKey(keys, meanOf),
    measured,
    notFinite: byKey(keys, (key) => measured[key] - (statistics[key]?.n ?? 0)),
    statistics,
    targetMean: byKey(labels, (label) => statisticsOf(numbers.targets(label))?.mean),
    failed: [...outcomes.failures, ...failed],
    notes: outcomes.notes,
    ...(decode === undefined ? {} : { decode }),
  };
  return protocol === undefined ? comparison : { ...comparison, protocol: recordOf(protocol, comparison) };
}

/** The number of pairs that have numbers. */
export const pairCount = ({ pairs, pairsNotHeld = 0 }: Comparison) => pairs.length + pairsNotHeld;
