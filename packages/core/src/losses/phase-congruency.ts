import type { Ops } from "../graph/ops.ts";
import { logGabor, type PhaseOptions } from "../kernels/log-gabor.ts";
import type { Shape } from "../tensor.ts";
import { complexParts, inverseCounts, wavesOf } from "./spectrum.ts";

/** Amplitudes below this, in 8-bit levels, are those of flat areas, whose congruency counts as 1. */
const least = 1e-9;

/** Filters of the columns that `Ops.fft` gives, times what each coefficient counts in the inverse transform, and the noise thresholds. */
export interface Filters {
  /** The radial parts, one a scale. */
  radial: Float64Array[];
  /** The parts of each orientation that are the same at opposite frequencies, and those that change their sign. */
  even: Float64Array[];
  odd: Float64Array[];
  /** The noise threshold of each orientation, by the median amplitude at the finest scale. */
  thresholds: readonly number[];
}

/** The filters of images of a size. */
export function makeFilters(h: number, w: number, options: PhaseOptions): Filters {
  const half = Math.floor(w / 2) + 1;
  const { radial, spread, thresholds } = logGabor(h, w, options);
  const columns = (value: (row: number, column: number) => number) =>
    Float64Array.from({ length: h * half }, (_, i) => value(Math.floor(i / half), i % half));
  const part = (all: Float64Array, sign: number) =>
    columns((row, column) => (all[column * h + row] + sign * all[((w - column) % w) * h + ((h - row) % h)]) / 2);
  const counts = inverseCounts(h, w);
  const quarterRows = (h >> 1) + 1;
  return {
    radial: radial.map((filter) =>
      columns((row, column) => filter[column * quarterRows + Math.min(row, h - row)] * counts[column]),
    ),
    even: spread.map((all) => part(all, 1)),
    odd: spread.map((all) => part(all, -1)),
    thresholds,
  };
}

/**
 * The agreement in phase of the waves of all scales at each place of a plane in 8-bit levels (Kovesi 1999, as the authors of FSIM have it), from 0 to 1, [n, 1, h, w]: edges and lines,
 * whatever their contrast. The size of `x` must be known, and be that of the filters.
 */
export function phaseCongruency<T>(o: Ops<T>, x: T, { radial, even, odd, thresholds }: Filters): T {
  const [, , h, w] = o.dims(x) as Shape;
  const half = Math.floor(w / 2) + 1;
  const [scales, orientations] = [radial.length, thresholds.length];
  const plane = (filter: Float64Array) => o.constant(filter, [1, 1, h, half]);
  const { real, imaginary } = complexParts(o, o.fft(x));
  const radials = o.concat(radial.map(plane));
  const ofScales = { real: o.mul(real, radials), imaginary: o.mul(imaginary, radials) };
  // All scales of the first orientation, then those of the next.
  const waves = wavesOf(o, ofScales, { even: even.map(plane), odd: odd.map(plane) }, x);
  const [cosines, sines] = [waves.real, waves.imaginary];
  const length = (a: T, b: T) => o.root(o.add(o.square(a), o.square(b)));
  const ones = Array(scales * orientations).fill(1);
  const groups = { groups: orientations };
  const overScales = (x: T) => o.conv2d(x, o.constant(ones, [orientations, scales, 1, 1]), groups);
  const toScales = (x: T) => o.conv2d(x, o.constant(ones, [scales * orientations, 1, 1, 1]), groups);
  const amplitudes = length(cosines, sines);
  const [cosine, sine] = [overScales(cosines), overScales(sines)];
  const mean = length(cosine, sine);
  const across = overScales(o.abs(o.sub(o.mul(cosines, toScales(sine)), o.mul(sines, toScales(cosine)))));
  const along = o.sub(mean, o.div(across, o.maximum(mean, 1e-12)));
  const median = o.kthSmallest(o.slice(amplitudes, "c", 0, undefined, scales), Math.ceil((h * w) / 2));
  const noise = o.mul(median, o.constant(thresholds, [1, orientations, 1, 1]));
  const [energy, amplitude] = [o.relu(o.sub(along, noise)), amplitudes].map((x) => o.sum(x, "c"));
  return o.where(o.greater(amplitude, least), o.div(energy, o.maximum(amplitude, least)), 1);
}
