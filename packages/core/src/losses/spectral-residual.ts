import { cubicMatrix } from "../cubic.ts";
import type { Ops } from "../graph/ops.ts";
import type { Shape } from "../tensor.ts";
import { complexParts, inverseCounts, wavesOf } from "./spectrum.ts";
import { makeWindow, windowMean } from "./windows.ts";

/** By how much images are reduced first. */
export const reduction = 4;

/** Added to amplitudes and ranges before they divide or have a logarithm: the least step from 1 in float64, as piq and MATLAB have it. */
const eps = 2 ** -52;

/** The Gaussian that blurs the saliency. */
export interface Blur {
  size: number;
  sigma: number;
}

function matrix<T>(o: Ops<T>, rows: number, columns: number, element: (row: number, column: number) => number): T {
  const data = Float64Array.from({ length: rows * columns }, (_, i) => element(Math.floor(i / columns), i % columns));
  return o.constant(data, [1, 1, rows, columns]);
}

/** A plane resized to another size, as MATLAB's `imresize`. */
function resized<T>(
  o: Ops<T>,
  x: T,
  [height, width]: readonly [number, number],
  scale: (from: number, to: number) => number,
): T {
  const [, , h, w] = o.dims(x) as Shape;
  const rows = o.constant(cubicMatrix(h, height, scale(h, height)), [1, 1, height, h]);
  const columns = o.constant(cubicMatrix(w, width, scale(w, width)), [1, 1, width, w]);
  return o.matmul(o.matmul(rows, x), columns, { transposeB: true });
}

/**
 * Means over 3x3 coefficients, the plane of all of them continued with its borders, of values that are the same at opposite frequencies: at the columns that `Ops.fft` gives, of which `x` are the values, and at the opposite ones.
 */
function neighbourMeans<T>(o: Ops<T>, x: T, w: number): { here: T; opposite: T } {
  const [, , h, half] = o.dims(x) as Shape;
  const opposite = (i: number, n: number) => (n - i) % n;
  const share = (n: number, i: number, j: number) =>
    [-1, 0, 1].filter((by) => Math.min(Math.max(i + by, 0), n - 1) === j).length / 3;
  const means = (turn: (i: number, n: number) => number) => {
    const term = (row: (i: number) => number, column: (j: number) => number) => {
      const rows = matrix(o, h, h, (r, i) => share(h, turn(r, h), row(i)));
      const columns = matrix(o, half, half, (j, k) => share(w, turn(k, w), column(j)));
      return o.matmul(o.matmul(rows, x), columns);
    };
    const own = term(
      (i) => i,
      (j) => j,
    );
    // The columns that are not given are those opposite to given ones.
    const others = term(
      (i) => opposite(i, h),
      (j) => (w - j < half || j === 0 ? -1 : w - j),
    );
    return o.add(own, others);
  };
  return { here: means((i) => i), opposite: means(opposite) };
}

/**
 * The saliency of each place of a plane in 8-bit levels, [n, 1, h, w], about 0 to 1 (Hou, Zhang 2007, as SR-SIM has it): what amplitudes of a quarter of the size have above their neighbours', transformed back, blurred, and
 * stretched to [0, 1] in each image. The size of `x` must be known.
 */
export function spectralResidual<T>(o: Ops<T>, x: T, { size, sigma }: Blur): T {
  const [, , h, w] = o.dims(x) as Shape;
  const small: [number, number] = [Math.ceil(h / reduction), Math.ceil(w / reduction)];
  // What a plane has beyond one of its pixels: flat ones stay exactly flat, without amplitudes but the first.
  const level = o.stopGradient(o.slice(o.slice(x, "h", 0, 1), "w", 0, 1));
  const image = o.add(
    resized(o, o.sub(x, level), small, () => 1 / reduction),
    level,
  );
  const { real, imaginary } = complexParts(o, o.fft(image));
  const amplitude = o.root(o.add(o.square(real), o.square(imaginary)));
  const means = neighbourMeans(o, o.log(o.add(amplitude, eps)), small[1]);
  const [here, opposite] = [means.here, means.opposite].map((mean) => o.exp(o.neg(mean)));
  const [even, odd] = [o.add(here, opposite), o.sub(here, opposite)].map((filter) => o.mul(filter, 0.5));
  const counts = inverseCounts(...small);
  const counted = (part: T) => o.mul(part, o.constant(counts, [1, 1, 1, counts.length]));
  // What has no amplitude has the phase 0, and none to learn from.
  const coefficients = {
    real: counted(o.where(amplitude, real, eps)),
    imaginary: counted(o.where(amplitude, imaginary, 0)),
  };
  const waves = wavesOf(o, coefficients, { even: [even], odd: [odd] }, image);
  const energy = o.add(o.square(waves.real), o.square(waves.imaginary));
  const [before, after] = [(size - 1) >> 1, size >> 1];
  const window = makeWindow("gaussian", [size, size], [sigma, sigma]);
  const blurred = windowMean(o, o.pad(energy, { top: before, left: before, bottom: after, right: after }), window);
  const least = o.neg(o.max(o.neg(blurred), "hw"));
  const stretched = o.div(o.sub(blurred, least), o.add(o.sub(o.max(blurred, "hw"), least), eps));
  return resized(o, stretched, [h, w], (from, to) => to / from);
}
