import { checkArguments, counted } from "@reconloss/core/internal";
import { protocolInWords, totalInWords } from "../compare/apply-protocol.ts";
import { arrowOf, formatNumber } from "../compare/index.ts";
import type { JudgedCell, JudgedColumn, Judgement } from "./types.ts";

/** The options of a table. */
export interface TableOptions {
  /** Whether intervals stand with the means; default true. */
  intervals?: boolean;
}

/** Refuses what is no judgement. */
export function checkJudgement(caller: string, judgement: Judgement): void {
  checkArguments(caller, { judgement: [judgement, "object", ["methods", "columns", "losses", "images", "groups"]] });
}

/** A number of a table, as text. */
export interface TableCell {
  readonly text: string;
  readonly place?: "best" | "second";
  readonly interval?: readonly [low: string, high: string];
  /** Whether the difference from the best may be chance. */
  readonly isNotSignificant: boolean;
}

/** A column of a table. */
export interface TableColumn {
  /** The metric, as it was typed or named. */
  readonly label: string;
  /** ↑ higher is better, ↓ lower, ≈ closer to the targets' own value. */
  readonly arrow: string;
  readonly group?: string;
  /** A cell for each method. */
  readonly cells: readonly TableCell[];
  /** Of priors: the mean of the targets' own values; empty for others. */
  readonly target: string;
  /** The number of images that the numbers are of: `14`, or `13 of 14`. */
  readonly images: string;
}

/** A judgement as text, before it is laid out. */
export interface JudgementTable {
  readonly methods: readonly string[];
  /** Group by group. */
  readonly columns: readonly TableColumn[];
  /** Notes on the numbers, a sentence each. */
  readonly legend: readonly string[];
}

/** The sign of a difference from the best that may be chance. */
export const notSignificantMark = "†";

function cellOf(cell: JudgedCell, decimals: number): TableCell {
  const { mean, interval, place, againstBest } = cell;
  const number = (value: number) => formatNumber(value, decimals);
  return {
    text: formatNumber(mean, decimals),
    ...(place === undefined ? {} : { place }),
    ...(interval === undefined ? {} : { interval: [number(interval[0]), number(interval[1])] }),
    isNotSignificant: againstBest !== undefined && !againstBest.isSignificant,
  };
}

/** The number of a column's images: `14`, or `13 of 14`. */
const countOf = ({ images, of }: Pick<JudgedColumn, "images" | "of">) =>
  images === of ? String(of) : `${images} of ${of}`;

function columnOf({ label, better, decimals, group, images, of, cells, targetMean }: JudgedColumn): TableColumn {
  return {
    label,
    arrow: arrowOf(better),
    ...(group === undefined ? {} : { group }),
    cells: cells.map((cell) => cellOf(cell, decimals)),
    target: targetMean === undefined ? "" : formatNumber(targetMean, decimals),
    images: countOf({ images, of }),
  };
}

/** The numbers of images of a metric's columns: `14`, or with data sets `18 of 19 (Set5 5, Set14 13 of 14)`. */
function countsOf(columns: readonly JudgedColumn[]): string {
  const [all] = columns.filter(({ group }) => group === undefined);
  const sets = columns.flatMap((column) => (column.group === undefined ? [] : [`${column.group} ${countOf(column)}`]));
  return `${countOf(all)} ${all.of === 1 ? "image" : "images"}${sets.length === 0 ? "" : ` (${sets.join(", ")})`}`;
}

/** The images that the numbers are of, in one clause where that is the same for all metrics. */
function coverage({ columns, losses }: Judgement): string {
  const counts = losses.map(({ label }) => countsOf(columns.filter((column) => column.label === label)));
  const isWhole = columns.every(({ images, of }) => images === of);
  const isSame = counts.every((count) => count === counts[0]);
  const kind = isWhole ? "" : ", for which every method has a finite value";
  if (isSame) return `Means over ${counts[0]}${kind}.`;
  return `Means over these images${kind}: ${losses.map(({ label }, i) => `${label} ${counts[i]}`).join("; ")}.`;
}

/** The probability that a bootstrap interval and a test are of, as a percentage. */
const percent = (share: number) => `${Number((100 * share).toPrecision(6))} %`;

/** The sentences under a table. */
function legendOf(judgement: Judgement, intervals: boolean): string[] {
  const { columns, methods, statistics, failed, protocol } = judgement;
  const { confidence, resamples, seed } = statistics;
  const legend = [coverage(judgement)];
  if (intervals && columns.some(({ cells }) => cells.some(({ interval }) => interval !== undefined))) {
    legend.push(`Intervals: ${percent(confidence)}, bootstrap over images (BCa, ${resamples} samples, seed ${seed}).`);
  }
  const level = Number((1 - confidence).toPrecision(6));
  const differences = columns.flatMap(({ cells }) => cells.flatMap(({ againstBest }) => againstBest ?? []));
  if (differences.length > 0) {
    const test = `Wilcoxon signed-rank test over images, two-sided, corrected after Holm, p`;
    legend.push(
      differences.every(({ isSignificant }) => isSignificant)
        ? `All differences from the best are significant: ${test} below ${level}.`
        : `${notSignificantMark} the difference from the best may be due to chance: ${test} not below ${level}.`,
    );
    // The smallest p that so many images can give, whatever the differences.
    const least = (images: number) => Math.min(1, (methods.length - 1) * 2 ** (1 - images));
    const few = columns.filter(({ images }) => images > 0 && least(images) >= level).map(({ images }) => images);
    if (few.length > 0) {
      const most = Math.max(...few);
      legend.push(`Of ${counted(most, "image", "images")} that p is never below ${least(most).toPrecision(2)}.`);
    }
  }
  if (columns.some(({ better }) => better === "target")) {
    legend.push(`${arrowOf("target")}: closer to the target's own value is better, image by image.`);
  }
  if (protocol !== undefined) {
    legend.push(`Protocol ${protocolInWords(protocol)}: ${protocol.source}.`);
    for (const [index, total] of (protocol.totals ?? []).entries()) {
      legend.push(`${methods[index].name}, ${total.name}: ${totalInWords(total)}.`);
    }
  }
  if (failed.length > 0) {
    const names = methods.map(({ name }) => name).filter((name) => failed.some(({ method }) => method === name));
    legend.push(`${counted(failed.length, "failure", "failures")}, of ${names.join(", ")}.`);
  }
  return legend;
}

/**
 * A judgement as a table of texts, for whoever lays one out.
 *
 * @param options.intervals - whether the legend is to explain intervals; default true
 * @example
 * ```ts
 * import { parseLosses } from "reconloss";
 * import { summarise } from "reconloss/compare";
 * import { judgementOf, judgementTable } from "reconloss/judge";
 * const losses = parseLosses("psnr as PSNR");
 * const pair = (psnr: number) => ({ name: "a.png", output: "x/a.png", target: "y/a.png", width: 8, height: 8, values: { PSNR: psnr } });
 * const of = (psnr: number) => summarise(losses, [{ result: pair(psnr), failures: [], notes: [], maps: {} }]);
 * const methods = [30, 31].map((psnr) => ({ name: `m${psnr}`, outputs: "x", comparison: of(psnr) }));
 * const { columns } = judgementTable(judgementOf({ methods, targets: "y", losses }));
 * columns[0].cells.map(({ text }) => text); // ["30.00", "31.00"]
 * ```
 */
export function judgementTable(judgement: Judgement, options: TableOptions = {}): JudgementTable {
  checkJudgement("judgementTable", judgement);
  checkArguments("judgementTable", { options: [options, "object"] });
  const { intervals = true } = options;
  return {
    methods: judgement.methods.map(({ name }) => name),
    columns: judgement.columns.map(columnOf),
    legend: legendOf(judgement, intervals),
  };
}

/** Columns that follow each other and are of one data set. */
export function spansOf(columns: readonly TableColumn[]): { group?: string; count: number }[] {
  const spans: { group?: string; count: number }[] = [];
  for (const { group } of columns) {
    const last = spans.at(-1);
    if (last !== undefined && last.group === group) last.count++;
    else spans.push({ group, count: 1 });
  }
  return spans;
}

/** The name of the columns of all images beside those of data sets. */
export const allImages = "all";
