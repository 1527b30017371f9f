import { basename, isAbsolute, relative, resolve, sep } from "node:path";
import { type Better, type Loss, ReconlossError } from "@reconloss/core";
import { reference } from "@reconloss/core/graph";
import { checkArguments } from "@reconloss/core/internal";
import { type AppliedProtocol, recordOf } from "../compare/apply-protocol.ts";
import {
  badness,
  type Comparison,
  formatNumber,
  isWorse,
  type PairResult,
  statisticOf,
  summarise,
} from "../compare/index.ts";
import { hasMagic, splitGlob } from "../image/glob.ts";
import { groupsOf } from "../image/groups.ts";
import { naturally } from "../image/listing.ts";
import { bootstrapInterval, meansWithoutOne, resampledMeans } from "./bootstrap.ts";
import type {
  JudgedCell,
  JudgedColumn,
  JudgedImage,
  JudgedMethod,
  Judgement,
  MethodFailure,
  MethodNote,
  Statistical,
} from "./types.ts";
import { holm, wilcoxon } from "./wilcoxon.ts";

/** The options of intervals and tests. */
export interface StatisticalOptions {
  /** Of the intervals, and 1 less the level of the test; default 0.95. */
  confidence?: number;
  /** Samples of the bootstrap; default 9999. */
  resamples?: number;
  /** Of the bootstrap; default 0: the same outputs have the same intervals. */
  seed?: number;
}

/** The defaults checked and filled in. */
export function statisticalOf(caller: string, options: StatisticalOptions): Statistical {
  const { confidence = 0.95, resamples = 9999, seed = 0 } = options;
  checkArguments(caller, {
    confidence: [confidence, "number"],
    resamples: [resamples, "count"],
    seed: [seed, "count"],
  });
  if (!(confidence > 0 && confidence < 1)) {
    throw new ReconlossError("invalid-argument", `confidence must be between 0 and 1, got ${confidence}`);
  }
  if (resamples < 1 || resamples > 1e6) {
    throw new ReconlossError("invalid-argument", `resamples must be from 1 to 1000000, got ${resamples}`);
  }
  return { confidence, resamples, seed };
}

/** Refuses methods that tables could not tell apart. */
export function checkMethods(methods: readonly Pick<JudgedMethod, "name">[]): void {
  if (methods.length === 0) throw new ReconlossError("invalid-argument", "no methods to compare");
  for (const [index, { name }] of methods.entries()) {
    if (name.trim() === "") throw new ReconlossError("invalid-argument", `method ${index + 1} has no name`);
    if (methods.findIndex((other) => other.name === name) === index) continue;
    throw new ReconlossError("invalid-argument", `two methods are named ${name}; name them: a=outputs b=outputs`);
  }
}

/** The name of a target relative to the folder, or the glob, of all, with `/` between folders; its path where it is not inside. */
export function targetName(given: string, target: string): string {
  const targets = hasMagic(given) ? splitGlob(given).folder : given;
  const inside = relative(resolve(targets), resolve(target));
  if (inside === "") return basename(target);
  if (inside.startsWith("..") || isAbsolute(inside)) return target.split(sep).join("/");
  return inside.split(sep).join("/");
}

/** The images, each with every method's pair of it. An image is its target; where outputs of a method share one, target and output. */
function imagesOf(targets: string, methods: readonly JudgedMethod[]): JudgedImage[] {
  const shared = new Set<string>();
  for (const { comparison } of methods) {
    const seen = new Set<string>();
    for (const { target } of comparison.pairs) (seen.has(target) ? shared : seen).add(target);
  }
  const images = new Map<string, { target: string; pairs: (PairResult | undefined)[] }>();
  const keyOf = ({ name, target }: Pick<PairResult, "name" | "target">) =>
    shared.has(target) ? `${targetName(targets, target)} (${name})` : targetName(targets, target);
  for (const [index, { comparison }] of methods.entries()) {
    for (const pair of comparison.pairs) {
      const image = images.get(keyOf(pair)) ?? { target: pair.target, pairs: methods.map(() => undefined) };
      image.pairs[index] = pair;
      images.set(keyOf(pair), image);
    }
    for (const { target, loss } of comparison.failed) {
      if (target === null || loss !== undefined || shared.has(target)) continue;
      const key = targetName(targets, target);
      if (!images.has(key)) images.set(key, { target, pairs: methods.map(() => undefined) });
    }
  }
  const entries = [...images].sort(([a], [b]) => naturally(a, b));
  const folders = groupsOf(entries.map(([, { target }]) => targetName(targets, target)));
  return entries.map(([name, image], i) => {
    // Whoever paired them has said so, or a list; what is left is of pairs that were made otherwise.
    const group = image.pairs.find((pair) => pair?.group !== undefined)?.group ?? folders[i];
    return { name, ...image, ...(group === undefined ? {} : { group }) };
  });
}

/** The number of a pair that is averaged: the scores of a loss that pools them, else the values. */
function numberOf({ label, definition }: Loss, pair: PairResult): number | undefined {
  return definition?.poolScores ? pair.scores?.[label] : pair.values[label];
}

/** Means as they are reported: of a loss that pools scores, what it makes of their mean. */
function reported({ definition }: Loss, means: Float64Array): Float64Array {
  if (!definition?.poolScores || definition.toReported === undefined) return means;
  return Float64Array.from(definition.toReported(reference, { data: means, shape: [means.length, 1, 1, 1] }).data);
}

/** The mean that every table has, whatever the order of the images. */
const mean = (values: readonly number[]) => statisticOf("mean", values);

/** The numbers of a column, before anything is made of them. */
interface ColumnNumbers {
  readonly loss: Loss;
  readonly group?: string;
  /** The number of images, with those that a method has no finite number of. */
  readonly of: number;
  /** The numbers of each method, of the same images. */
  readonly series: readonly (readonly number[])[];
  /** The numbers by which methods are ranked and tested: of priors, the distance of each value from the target's own; else the numbers. */
  readonly ranked: readonly (readonly number[])[];
  /** Of priors: the targets' own values. */
  readonly targets: readonly number[];
}

/** A metric of some images. */
function numbersOf(
  loss: Loss,
  group: string | undefined,
  images: readonly JudgedImage[],
  methods: number,
): ColumnNumbers {
  const isPrior = loss.better === "target";
  const measured = images.flatMap(({ pairs }) => {
    const numbers = pairs.map((pair) => pair && numberOf(loss, pair));
    const own = pairs.map((pair) => pair?.targetValues?.[loss.label]);
    const isWhole = numbers.every(Number.isFinite) && (!isPrior || own.every(Number.isFinite));
    return isWhole ? [{ numbers: numbers as number[], own: own as number[] }] : [];
  });
  const series = Array.from({ length: methods }, (_, method) => measured.map(({ numbers }) => numbers[method]));
  const ranked = isPrior
    ? series.map((values, method) => values.map((value, i) => badness("target", value, measured[i].own[method])))
    : series;
  return { loss, group, of: images.length, series, ranked, targets: isPrior ? measured.map(({ own }) => own[0]) : [] };
}

/** All that is resampled of a column: the numbers, then of priors what they are ranked by. */
const seriesOf = ({ series, ranked }: ColumnNumbers) => (ranked === series ? series : [...series, ...ranked]);

/** The means of each column's samples. Columns of equally many images have the same samples, which are drawn once. */
function resampledOf(columns: readonly ColumnNumbers[], statistics: Statistical): Float64Array[][] {
  const means = new Map<ColumnNumbers, Float64Array[]>();
  const counts = new Set(columns.map(({ series }) => series[0].length));
  for (const count of counts) {
    const alike = columns.filter(({ series }) => series[0].length === count);
    const all = resampledMeans(count === 0 ? [] : alike.flatMap(seriesOf), statistics);
    for (const column of alike) means.set(column, all.splice(0, seriesOf(column).length));
  }
  return columns.map((column) => means.get(column) ?? []);
}

/** A metric of some images, as the table has it. */
function columnOf(numbers: ColumnNumbers, samples: readonly Float64Array[], statistics: Statistical): JudgedColumn {
  const { loss, group, of, series, ranked, targets } = numbers;
  const { label, spec, better, decimals } = loss;
  const { confidence } = statistics;
  const [methods, images] = [series.length, series[0].length];
  const column = { label, spec, better, decimals, group, images, of };
  if (images === 0) return { ...column, cells: series.map(() => ({})) };

  const isPrior = ranked !== series;
  const toReported = (means: Float64Array) => reported(loss, means);
  const means = toReported(Float64Array.from(series, mean));
  const rankedMeans = isPrior ? ranked.map(mean) : [...means];
  const resampled = samples.map(toReported);
  const withoutOne = seriesOf(numbers).map((values) => toReported(meansWithoutOne(values)));
  const direction = isPrior ? "lower" : better;
  const best =
    methods < 2
      ? undefined
      : rankedMeans.reduce((a, value, i) => (isWorse(direction, rankedMeans[a], value) ? i : a), 0);

  const offset = isPrior ? methods : 0;
  const others = best === undefined ? [] : series.flatMap((_, method) => (method === best ? [] : [method]));
  const differences = others.map((method) => {
    const of = best as number;
    const difference = (lists: readonly Float64Array[]) =>
      Float64Array.from(lists[offset + method], (value, i) => value - lists[offset + of][i]);
    const shift = rankedMeans[method] - rankedMeans[of];
    return {
      mean: shift,
      interval: bootstrapInterval(shift, difference(resampled), difference(withoutOne), confidence),
      p: wilcoxon(ranked[method].map((value, i) => value - ranked[of][i])),
    };
  });
  const adjusted = holm(differences.map(({ p }) => p));

  const places = placesOf(direction, rankedMeans, decimals);
  const cells = series.map((_, method): JudgedCell => {
    const at = others.indexOf(method);
    const isSignificant = adjusted[at] < 1 - confidence;
    return {
      mean: means[method],
      interval: bootstrapInterval(means[method], resampled[method], withoutOne[method], confidence),
      ...(isPrior ? { distance: rankedMeans[method] } : {}),
      ...(best === undefined ? {} : { place: places[method] }),
      ...(at < 0 ? {} : { againstBest: { ...differences[at], adjusted: adjusted[at], isSignificant } }),
    };
  });
  return { ...column, cells, best, ...(isPrior ? { targetMean: mean(targets) } : {}) };
}

/** The best and the second of some numbers, by what is shown of them. */
function placesOf(better: Better, values: readonly number[], decimals: number): ("best" | "second" | undefined)[] {
  const shown = values.map((value) => formatNumber(value, decimals));
  const worse = (a: number, b: number) => Number(isWorse(better, values[a], values[b]));
  const order = values.map((_, i) => i).sort((a, b) => worse(a, b) - worse(b, a));
  const distinct = [...new Set(order.map((i) => shown[i]))];
  return shown.map((text) => (["best", "second"] as const)[distinct.indexOf(text)]);
}

/** The comparisons that are judged. */
export interface JudgementInput {
  readonly methods: readonly JudgedMethod[];
  readonly targets: string;
  readonly losses: readonly Loss[];
  /** The protocol that the losses were chosen by. */
  readonly applied?: AppliedProtocol;
}

/**
 * Comparisons of several methods with the same targets as one judgement: the means of each metric over the images of which every method has a finite number, with intervals and tests.
 *
 * @throws {ReconlossError} `invalid-argument` where there is no method, or two of one name
 */
export function judgementOf(input: JudgementInput, options: StatisticalOptions = {}): Judgement {
  checkArguments("judgementOf", {
    input: [input, "object", ["methods", "targets", "losses"]],
    options: [options, "object"],
  });
  const { methods, targets, losses, applied } = input;
  checkArguments("judgementOf", {
    methods: [methods, "objects"],
    targets: [targets, "text"],
    losses: [losses, "objects"],
  });
  const statistics = statisticalOf("judgementOf", options);
  checkMethods(methods);
  const images = imagesOf(targets, methods);
  const groups = [...new Set(images.flatMap(({ group }) => group ?? []))];
  // One that pairs may go without, and all do, is in no comparison.
  const shown = losses.filter(({ label }) =>
    methods.some(({ comparison }) => comparison.losses.some((loss) => loss.label === label)),
  );
  const numbers = [...groups, undefined].flatMap((group) => {
    const own = group === undefined ? images : images.filter((image) => image.group === group);
    return shown.map((loss) => numbersOf(loss, group, own, methods.length));
  });
  const samples = resampledOf(numbers, statistics);
  const columns = numbers.map((column, i) => columnOf(column, samples[i], statistics));
  const failed = methods.flatMap(({ name, comparison }): MethodFailure[] =>
    comparison.failed.map((failure) => ({ method: name, ...failure })),
  );
  const notes = methods.flatMap(({ name, comparison }): MethodNote[] =>
    comparison.notes.map((note) => ({ method: name, ...note })),
  );
  const judgement = { targets, methods, losses: shown, images, groups, columns, failed, notes, statistics };
  return applied === undefined ? judgement : { ...judgement, protocol: protocolOf(applied, methods, losses, images) };
}

/** The protocol with its totals, each of the images that all methods have. */
function protocolOf(
  applied: AppliedProtocol,
  methods: readonly JudgedMethod[],
  losses: readonly Loss[],
  images: readonly JudgedImage[],
): Judgement["protocol"] {
  const common = images.filter(({ pairs }) => pairs.every((pair) => pair !== undefined));
  const records = methods.map((_, method) => {
    const outcomes = common.map(({ pairs }) => ({ result: pairs[method], failures: [], notes: [], maps: {} }));
    return recordOf(applied, summarise(losses, outcomes) as Comparison);
  });
  const { total: _, ...record } = records[0];
  const totals = records.flatMap(({ total }) => total ?? []);
  return totals.length === 0 ? record : { ...record, totals };
}
