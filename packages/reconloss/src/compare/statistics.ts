import { checkArguments } from "@reconloss/core/internal";

/** The names of what can be asked of a set of numbers, as conditions write them. */
const named = {
  mean: (sorted: readonly number[]) => sorted.reduce((sum, x) => sum + x, 0) / sorted.length,
  median: (sorted: readonly number[]) => percentile(sorted, 50),
  min: (sorted: readonly number[]) => sorted[0],
  max: (sorted: readonly number[]) => sorted[sorted.length - 1],
  std: standardDeviation,
} as const;

/** One number of many: a name, or `p5` for the fifth percentile. */
export type Statistic = keyof typeof named | `p${number}`;

/** What the names look like, for a pattern. */
export const statisticPattern = `${Object.keys(named).join("|")}|p\\d+(?:\\.\\d+)?`;

/** With linear interpolation between neighbours, as `numpy.percentile`; infinite neighbours count only where they have a share. */
function percentile(sorted: readonly number[], percent: number): number {
  const position = ((sorted.length - 1) * percent) / 100;
  const [below, share] = [Math.floor(position), position % 1];
  const [a, b] = [sorted[below], sorted[Math.min(below + 1, sorted.length - 1)]];
  return share === 0 || a === b ? a : a * (1 - share) + b * share;
}

/** Of all that there are, not of a sample from more: divided by n, as `numpy.std`. */
function standardDeviation(values: readonly number[]): number {
  // Infinite values lie infinitely far apart.
  if (values.some((x) => !Number.isFinite(x))) return Number.POSITIVE_INFINITY;
  const mean = named.mean(values);
  return Math.sqrt(named.mean(values.map((x) => (x - mean) ** 2)));
}

/** A statistic of numbers; NaN of none, and where one of them is NaN. */
export function statisticOf(statistic: Statistic, values: ArrayLike<number>): number {
  checkArguments("statisticOf", { statistic: [statistic, "text"], values: [values, "list"] });
  if (values.length === 0) return Number.NaN;
  // Typed arrays sort by value, infinities included.
  const sorted = Float64Array.from(values).sort();
  if (Number.isNaN(sorted[sorted.length - 1])) return Number.NaN;
  const of = named[statistic as keyof typeof named];
  const numbers = sorted as unknown as readonly number[];
  return of ? of(numbers) : percentile(numbers, Number(statistic.slice(1)));
}

/** How the numbers of a loss lie, over those that are finite. */
export interface Statistics {
  /** How many there are. */
  n: number;
  mean: number;
  median: number;
  min: number;
  max: number;
  /** Standard deviation, divided by n. */
  std: number;
}

/** The statistics of the finite numbers among some; undefined where there is none. */
export function statisticsOf(values: readonly number[]): Statistics | undefined {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return undefined;
  const of = (statistic: Statistic) => statisticOf(statistic, finite);
  return {
    n: finite.length,
    mean: of("mean"),
    median: of("median"),
    min: of("min"),
    max: of("max"),
    std: of("std"),
  };
}
