import type { Ops } from "../graph/ops.ts";

/** sRGB (linear) to CIE XYZ under D65 (IEC 61966-2-1), with scikit-image's digits. */
const xyzFromRgb = [
  [0.412453, 0.35758, 0.180423],
  [0.212671, 0.71516, 0.072169],
  [0.019334, 0.119193, 0.950227],
];

/** D65, 2 degree observer. */
const white = [0.95047, 1, 1.08883];

/** A matrix times the three channels of every pixel. */
function mix<T>(o: Ops<T>, x: T, rows: readonly (readonly number[])[]): T {
  return o.conv2d(x, o.constant(rows.flat(), [3, 3, 1, 1]));
}

/** Linear light of sRGB images in [0, 1] (IEC 61966-2-1), three channels. One channel counts as three equal ones. */
export function linearRgb<T>(o: Ops<T>, x: T): T {
  const rgb = o.channels(x) === 1 ? o.concat([x, x, x]) : x;
  const curved = o.power(o.mul(o.add(o.maximum(rgb, 0.04045), 0.055), 1 / 1.055), 2.4);
  return o.where(o.greater(rgb, 0.04045), curved, o.mul(rgb, 1 / 12.92));
}

/**
 * CIE L*a*b* of sRGB images in [0, 1]: [n, 3, h, w] to [n, 3, h, w], L* in [0, 100]. One channel counts as three equal ones.
 *
 * Source: IEC 61966-2-1 and CIE 15; the numbers of scikit-image's `rgb2lab`.
 */
export function rgbToLab<T>(o: Ops<T>, x: T): T {
  const matrix = xyzFromRgb.map((row, i) => row.map((weight) => weight / white[i]));
  const xyz = mix(o, linearRgb(o, x), matrix);

  const epsilon = 0.008856;
  const root = o.power(o.maximum(xyz, epsilon), 1 / 3);
  const f = o.where(o.greater(xyz, epsilon), root, o.add(o.mul(xyz, 7.787), 16 / 116));
  const toLab = [
    [0, 116, 0],
    [500, -500, 0],
    [0, 200, -200],
  ];
  return o.add(mix(o, f, toLab), o.constant([-16, 0, 0], [1, 3, 1, 1]));
}

/** Ottosson's matrices: linear sRGB to cone responses, and their cube roots to L, a and b. */
const conesFromRgb = [
  [0.4122214708, 0.5363325363, 0.0514459929],
  [0.2119034982, 0.6806995451, 0.1073969566],
  [0.0883024619, 0.2817188376, 0.6299787005],
];
const oklabFromRoots = [
  [0.2104542553, 0.793617785, -0.0040720468],
  [1.9779984951, -2.428592205, 0.4505937099],
  [0.0259040371, 0.7827717662, -0.808675766],
];

/** Cone responses that are on a line to black, where the cube root's slope is infinite; the darkest colour of 16 bits lies above. */
const darkest = 1e-9;

/**
 * OKLab of linear sRGB: [n, 3, h, w] to [n, 3, h, w], L in [0, 1]. Source: Ottosson 2020, "A perceptual color space for image processing".
 */
export function linearToOklab<T>(o: Ops<T>, linear: T): T {
  const cones = mix(o, linear, conesFromRgb);
  const root = o.power(o.maximum(cones, darkest), 1 / 3);
  return mix(o, o.where(o.greater(cones, darkest), root, o.mul(cones, darkest ** (-2 / 3))), oklabFromRoots);
}

/** OKLab of sRGB images in [0, 1]. One channel counts as three equal ones. */
export function rgbToOklab<T>(o: Ops<T>, x: T): T {
  return linearToOklab(o, linearRgb(o, x));
}
