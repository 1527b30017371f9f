import type { Ops } from "../graph/ops.ts";
import { shapeTable } from "./shape-table.ts";

/** One dimension of the 7x7 Gaussian of deviation 7/6, which is separable. */
const gaussian = (() => {
  const weights = [-3, -2, -1, 0, 1, 2, 3].map((x) => Math.exp((-x * x) / 2 / (7 / 6) ** 2));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
})();

/** A separable filter along both axes of one channel. */
export function filterPlane<T>(o: Ops<T>, x: T, taps: readonly number[], stride = 1): T {
  const rows = o.conv2d(x, o.constant(taps, [1, 1, 1, taps.length]), { stride: [1, stride] });
  return o.conv2d(rows, o.constant(taps, [1, 1, taps.length, 1]), { stride: [stride, 1] });
}

/** The difference of each pixel from the mean of its surroundings, and their deviation (Mittal, Moorthy, Bovik 2012, eq. 2 and 3). `x` is in levels of 8 bits. */
export function local<T>(o: Ops<T>, x: T): { distance: T; deviation: T } {
  const mean = (image: T) => filterPlane(o, o.padWith(image, 3, "replicate"), gaussian);
  // From the middle of the range, so that float32 keeps more digits of the squares.
  const centred = o.sub(x, 128);
  const around = mean(centred);
  const variance = o.abs(o.sub(mean(o.square(centred)), o.square(around)));
  return { distance: o.sub(centred, around), deviation: o.root(variance) };
}

/**
 * Pixels less the mean of their surroundings, in units of their deviation (eq. 1).
 *
 * @param least - shorter distances from the mean, in levels of 8 bits, are rounding errors and count as 0
 */
export function normalised<T>(o: Ops<T>, x: T, least = 0): T {
  const { distance, deviation } = local(o, x);
  const counts = least === 0 ? distance : o.where(o.greater(o.abs(distance), least), distance, 0);
  return o.div(counts, o.add(deviation, 1));
}

/** Asymmetric generalised Gaussians. */
export interface Gaussians<T> {
  /** The shape: 2 for a Gaussian, 1 for a Laplacian. */
  alpha: T;
  mean: T;
  /** The deviations to either side, and what they are multiplied by to be the Gaussian's widths. */
  left: T;
  right: T;
  scale: T;
  /** 1 where there are values on both sides of 0, else 0: there is no fit to others. */
  valid: T;
}

/**
 * Asymmetric generalised Gaussians fitted to values by their moments, channel by channel (Lasmar, Stitou, Berthoumieu 2009; eq. 7 to 11).
 *
 * @param mean - the mean over all values that one is fitted to
 * @param step - to multiples of what shapes are rounded, 0 for not at all
 */
export function fitGaussians<T>(o: Ops<T>, x: T, mean: (values: T) => T, step: number): Gaussians<T> {
  const positive = o.greater(x, 0);
  const negative = o.greater(o.neg(x), 0);
  const [meanPositive, meanNegative] = [mean(positive), mean(negative)];
  const valid = o.mul(o.greater(meanPositive, 0), o.greater(meanNegative, 0));
  const square = o.square(x);
  // Where there is no fit, 1 stands for what would be divided by 0.
  const or1 = (value: T) => o.where(valid, value, 1);
  const right = o.sqrt(o.div(or1(mean(o.mul(square, positive))), or1(meanPositive)));
  const left = o.sqrt(o.div(or1(mean(o.mul(square, negative))), or1(meanNegative)));
  const ratio = o.div(left, right);
  const moments = o.div(o.square(mean(o.abs(x))), or1(mean(square)));
  const cubes = o.add(o.mul(ratio, o.square(ratio)), 1);
  const normalisedMoments = o.div(o.mul(o.mul(moments, cubes), o.add(ratio, 1)), o.square(o.add(o.square(ratio), 1)));
  const { alpha, scale, location } = shapeTable(o, normalisedMoments, step);
  return { alpha, mean: o.mul(o.mul(o.sub(right, left), scale), location), left, right, scale, valid };
}
