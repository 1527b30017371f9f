import type { Ops } from "../graph/ops.ts";

/** sRGB (linear) to CIE XYZ under D65 (IEC 61966-2-1), with scikit-image's digits. */
const xyzFromRgb = [
  [0.412453, 0.35758, 0.180423],
  [0.212671, 0.71516, 0.072169],
  [0.019334, 0.119193, 0.950227],
];

/** D65, 2 degree observer. */
const white = [0.95047, 1, 1.08883];

/**
 * CIE L*a*b* of sRGB images in [0, 1]: [n, 3, h, w] to [n, 3, h, w], L* in [0, 100]. One channel counts as three equal ones.
 *
 * Source: IEC 61966-2-1 and CIE 15; the numbers of scikit-image's `rgb2lab`.
 */
export function rgbToLab<T>(o: Ops<T>, x: T): T {
  const rgb = o.channels(x) === 1 ? o.concat([x, x, x]) : x;
  const curved = o.power(o.mul(o.add(o.maximum(rgb, 0.04045), 0.055), 1 / 1.055), 2.4);
  const linear = o.where(o.greater(rgb, 0.04045), curved, o.mul(rgb, 1 / 12.92));
  const matrix = xyzFromRgb.flatMap((row, i) => row.map((weight) => weight / white[i]));
  const xyz = o.conv2d(linear, o.constant(matrix, [3, 3, 1, 1]));

  const epsilon = 0.008856;
  const root = o.power(o.maximum(xyz, epsilon), 1 / 3);
  const f = o.where(o.greater(xyz, epsilon), root, o.add(o.mul(xyz, 7.787), 16 / 116));
  const toLab = [0, 116, 0, 500, -500, 0, 0, 200, -200];
  return o.add(o.conv2d(f, o.constant(toLab, [3, 3, 1, 1])), o.constant([-16, 0, 0], [1, 3, 1, 1]));
}
