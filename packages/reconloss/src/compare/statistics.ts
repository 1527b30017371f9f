import { checkArguments } from "@reconloss/core/internal";

/** The names of what can be asked of a set of numbers besides the least and the most, as conditions write them; each may put the numbers into another order. */
const named = {
  mean: (values: Float64Array) => meanOf(values.sort()),
  median: (values: Float64Array) => percentile(values, 50),
  std: (values: Float64Array) => standardDeviation(values.sort()),
  "harmonic-mean": (values: Float64Array) => harmonicMean(values.sort()),
} as const;

/** One number of many: a name, or `p5` for the fifth percentile. */
export type Statistic = keyof typeof named | "min" | "max" | `p${number}`;

/** The names as part of a regular expression. */
export const statisticPattern = `${[...Object.keys(named), "min", "max"].join("|")}|p\\d+(?:\\.\\d+)?`;

/** The least and the most of numbers; NaN both where one of them is. */
function extremesOf(values: ArrayLike<number>): { min: number; max: number } {
  let [min, max] = [values[0], values[0]];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value > max) max = value;
    else if (!(value >= min)) {
      if (Number.isNaN(value)) return { min: value, max: value };
      min = value;
    }
  }
  return { min, max };
}

const meanOf = (sorted: Float64Array) => sorted.reduce((sum, x) => sum + x, 0) / sorted.length;

/**
 * Puts the number that would be at a place if all were sorted there, none that is larger before it and none that is smaller after it (C. A. R. Hoare, "Algorithm 65: Find", 1961): a map has
 * millions of numbers, which sorting takes ten times as long for.
 */
function select(values: Float64Array, place: number): number {
  let [left, right] = [0, values.length - 1];
  while (left < right) {
    const pivot = values[(left + right) >> 1];
    let [i, j] = [left, right];
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i > j) break;
      const held = values[i];
      values[i++] = values[j];
      values[j--] = held;
    }
    if (place <= j) right = j;
    else if (place >= i) left = i;
    else break;
  }
  return values[place];
}

/** With linear interpolation between neighbours, as `numpy.percentile`; infinite neighbours count only where they have a share. */
function percentile(values: Float64Array, percent: number): number {
  const position = ((values.length - 1) * percent) / 100;
  const [below, share] = [Math.floor(position), position % 1];
  const a = select(values, below);
  if (share === 0) return a;
  const b = extremesOf(values.subarray(below + 1)).min;
  return a === b ? a : a * (1 - share) + b * share;
}

/** Of all that there are, not of a sample from more: divided by n, as `numpy.std`. */
function standardDeviation(sorted: Float64Array): number {
  // Infinite values lie infinitely far apart.
  if (!sorted.every(Number.isFinite)) return Number.POSITIVE_INFINITY;
  const mean = meanOf(sorted);
  return Math.sqrt(meanOf(sorted.map((x) => (x - mean) ** 2)));
}

/** Of x + 1, less 1, as VMAF pools the scores of frames (libvmaf): low values pull it down. NaN where a value is -1 or less. */
function harmonicMean(sorted: Float64Array): number {
  if (sorted[0] <= -1) return Number.NaN;
  return 1 / meanOf(sorted.map((x) => 1 / (x + 1))) - 1;
}

/** A statistic of numbers; NaN of none, and where one of them is NaN. */
export function statisticOf(statistic: Statistic, values: ArrayLike<number>): number {
  checkArguments("statisticOf", { statistic: [statistic, "text"], values: [values, "list"] });
  if (values.length === 0) return Number.NaN;
  const extremes = extremesOf(values);
  if (Number.isNaN(extremes.min)) return Number.NaN;
  if (statistic === "min" || statistic === "max") return extremes[statistic];
  const numbers = new Float64Array(values);
  const of = named[statistic as keyof typeof named];
  return of ? of(numbers) : percentile(numbers, Number(statistic.slice(1)));
}

/** Statistics of the finite numbers of a loss. */
export interface Statistics {
  /** The number of them. */
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
