import type { Ops } from "../graph/ops.ts";
import type { Shape } from "../tensor.ts";
import { complexParts, inverseCounts, wavesOf } from "./spectrum.ts";

/** The numbers of scales and orientations of the filters. */
export interface PhaseOptions {
  scales: number;
  orientations: number;
}

/** The constants of FSIM's authors: the shortest wavelength, the ratio of wavelengths, the relative bandwidth, how wide orientations are, the low-pass filter. */
const leastWavelength = 6;
const ratio = 2;
const sigma = 0.55;
const widthOfOrientations = 1.2;
const cutoff = 0.45;
const order = 15;

/** The noise threshold in deviations above the mean of noise, and by what it overestimates. */
const deviations = 2;
const overestimate = 1.7;

/** Amplitudes below this, in 8-bit levels, are those of flat areas, whose congruency counts as 1. */
const least = 1e-9;

/** Frequencies along an axis of `n` positions, in the order of transforms; those of odd sizes are stretched to reach 1/2, as the authors have them. */
function frequencies(n: number): number[] {
  return Array.from({ length: n }, (_, i) => (i < (n + 1) >> 1 ? i : i - n) / (n - (n % 2)));
}

/** Filters of the columns that `Ops.fft` gives, times what each coefficient counts in the inverse transform, and the noise thresholds. */
export interface Filters {
  /** The radial parts, one a scale. */
  radial: Float64Array[];
  /** The parts of each orientation that are the same at opposite frequencies, and those that change their sign. */
  even: Float64Array[];
  odd: Float64Array[];
  /** The noise threshold of each orientation, by the median amplitude at the finest scale. */
  thresholds: number[];
}

/** The filters of images of a size. */
export function makeFilters(h: number, w: number, { scales, orientations }: PhaseOptions): Filters {
  const half = Math.floor(w / 2) + 1;
  const [rows, columns] = [frequencies(h), frequencies(w)];
  const overAll = (width: number, value: (row: number, column: number) => number) =>
    Float64Array.from({ length: h * width }, (_, i) => value(Math.floor(i / width), i % width));

  const logGabor = (scale: number, row: number, column: number) => {
    const radius = Math.hypot(rows[row], columns[column]);
    if (radius === 0) return 0;
    const lowPass = 1 / (1 + (radius / cutoff) ** (2 * order));
    const octave = Math.log(radius * leastWavelength * ratio ** scale) / Math.log(sigma);
    return lowPass * Math.exp(-(octave ** 2) / 2);
  };
  const spread = (orientation: number, row: number, column: number) => {
    // The first axis is the one that angles are measured from the second of, downwards.
    const angle = Math.atan2(-columns[column], rows[row]) - (orientation * Math.PI) / orientations;
    const distance = Math.abs(Math.atan2(Math.sin(angle), Math.cos(angle)));
    const deviation = Math.PI / (orientations * widthOfOrientations);
    return Math.exp(-(distance ** 2) / (2 * deviation ** 2));
  };
  const opposite = (i: number, n: number) => (n - i) % n;

  const each = (count: number) => Array.from({ length: count }, (_, i) => i);
  const spreads = each(orientations).map((orientation) =>
    overAll(w, (row, column) => spread(orientation, row, column)),
  );
  const part = (all: Float64Array, sign: number) => (row: number, column: number) =>
    (all[row * w + column] + sign * all[opposite(row, h) * w + opposite(column, w)]) / 2;
  const full = each(scales).map((scale) => overAll(w, (row, column) => logGabor(scale, row, column)));
  const thresholds = spreads.map((all) => {
    const even = overAll(w, part(all, 1));
    const sum = (value: (i: number) => number) => all.reduce((total, _, i) => total + value(i), 0);
    const finest = sum((i) => (full[0][i] * all[i]) ** 2);
    // Sums over pixels of products of the filters' waves are sums over their coefficients.
    const product = (a: number, b: number) => sum((i) => full[a][i] * full[b][i] * even[i] ** 2);
    let noise = 0;
    for (const a of each(scales))
      for (const b of each(scales)) noise += a > b ? 2 * product(a, b) : a === b ? product(a, a) : 0;
    const rayleigh = Math.sqrt(noise / (Math.LN2 * finest));
    return (rayleigh * (Math.sqrt(Math.PI / 2) + deviations * Math.sqrt(2 - Math.PI / 2))) / overestimate;
  });
  const counts = inverseCounts(h, w);
  return {
    radial: full.map((filter) => overAll(half, (row, column) => filter[row * w + column] * counts[column])),
    even: spreads.map((all) => overAll(half, part(all, 1))),
    odd: spreads.map((all) => overAll(half, part(all, -1))),
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
