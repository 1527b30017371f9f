import { type Statistics, statisticOf, statisticsOf } from "../compare/statistics.ts";

/** The distribution of a loss over the frames with a finite number. */
export interface FrameStatistics extends Readonly<Statistics> {
  /** The number of frames with one that is infinite, as the PSNR of identical frames, or NaN: in none of the others. */
  readonly notFinite: number;
  /** Of x + 1, less 1, as VMAF pools (libvmaf): low values pull it down. Undefined where a value is -1 or less. */
  readonly harmonicMean?: number;
  readonly p5: number;
  readonly p95: number;
}

/** The statistics of the numbers of frames; undefined where none is finite. */
export function frameStatistics(values: readonly number[]): FrameStatistics | undefined {
  const finite = values.filter(Number.isFinite);
  const statistics = statisticsOf(finite);
  if (statistics === undefined) return undefined;
  const { n, mean, median, min, max, std } = statistics;
  const harmonic = statisticOf("harmonic-mean", finite);
  const harmonicMean = Number.isNaN(harmonic) ? undefined : harmonic;
  const [p5, p95] = (["p5", "p95"] as const).map((statistic) => statisticOf(statistic, finite));
  return { n, notFinite: values.length - n, mean, harmonicMean, p5, median, p95, min, max, std };
}
