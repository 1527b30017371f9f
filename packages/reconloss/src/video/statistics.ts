import { statisticOf } from "../compare/statistics.ts";

/** How the numbers of a loss lie over the frames, over those that are finite. */
export interface FrameStatistics {
  /** How many frames have a finite number. */
  readonly n: number;
  /** How many have one that is infinite, as the PSNR of identical frames, or NaN: in none of the others. */
  readonly notFinite: number;
  readonly mean: number;
  /** Of x + 1, less 1, as VMAF pools (libvmaf): low values pull it down. Undefined where a value is -1 or less. */
  readonly harmonicMean?: number;
  readonly p5: number;
  readonly median: number;
  readonly p95: number;
  readonly min: number;
  readonly max: number;
  readonly std: number;
}

/** The statistics of the numbers of frames; undefined where none is finite. */
export function frameStatistics(values: readonly number[]): FrameStatistics | undefined {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return undefined;
  const inverses = finite.reduce((sum, value) => sum + 1 / (value + 1), 0);
  const harmonicMean = finite.every((value) => value > -1) ? finite.length / inverses - 1 : undefined;
  const of = (statistic: "mean" | "p5" | "median" | "p95" | "min" | "max" | "std") => statisticOf(statistic, finite);
  return {
    n: finite.length,
    notFinite: values.length - finite.length,
    mean: of("mean"),
    harmonicMean,
    p5: of("p5"),
    median: of("median"),
    p95: of("p95"),
    min: of("min"),
    max: of("max"),
    std: of("std"),
  };
}
