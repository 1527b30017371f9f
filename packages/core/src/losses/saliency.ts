import type { Ops } from "../graph/ops.ts";
import { colourPlanes } from "./colour-planes.ts";
import { linearRgb } from "./lab.ts";
import { complexParts, inverseCounts } from "./spectrum.ts";

/** The log-Gabor filter: its centre, in cycles a pixel, and bandwidth. */
const centre = 0.021;
const bandwidth = 1.34;

/** The extent of attention around the middle of the image, in pixels of 256, and of warmth among colours. */
const middle = 145;
const warmth = 0.001;

/** Added to ranges before they divide: the least step from 1 in float64, as piq has it. */
const eps = 2 ** -52;

/** sRGB to CIE XYZ, D65, and the white D50 by which piq divides it. */
const xyzFromRgb = [
  [0.4124564, 0.3575761, 0.1804375],
  [0.2126729, 0.7151522, 0.072175],
  [0.0193339, 0.119192, 0.9503041],
];
const white = [0.9642119944211994, 1, 0.8251882845188288];

/**
 * CIE L*a*b* of images in [0, 1], as piq has it: sRGB under D65, divided by the white of D50.
 *
 * Under the other white, grey has colour: a difference of almost equal cube roots, hence by a^3 - b^3 = (a - b)(a^2 +
 * ab + b^2).
 */
function lab<T>(o: Ops<T>, x: T): T {
  const matrix = xyzFromRgb.map((row, i) => row.map((weight) => weight / white[i]));
  const less = (i: number) => matrix[i].map((weight, channel) => weight - matrix[i + 1][channel]);
  const planes = colourPlanes(o, linearRgb(o, x), [...matrix, less(0), less(1)]);
  const [xyz, differences] = [o.slice(planes, "c", 0, 3), o.slice(planes, "c", 3)];
  const epsilon = 0.008856;
  const slope = 903.3 / 116;
  const root = o.power(o.maximum(xyz, epsilon), 1 / 3);
  const f = o.where(o.greater(xyz, epsilon), root, o.add(o.mul(xyz, slope), 16 / 116));
  const pair = (of: T) => [o.slice(of, "c", 0, 2), o.slice(of, "c", 1)] as const;
  const [values, roots, ends] = [pair(xyz), pair(root), pair(f)];
  const squares = o.add(o.add(o.square(roots[0]), o.mul(...roots)), o.square(roots[1]));
  const rest = o.where(o.greater(o.maximum(...values), epsilon), o.sub(...ends), o.mul(differences, slope));
  const chroma = o.where(o.greater(o.minimum(...values), epsilon), o.div(differences, squares), rest);
  const lightness = o.sub(o.mul(o.channel(f, 1), 116), 16);
  return o.concat([lightness, o.mul(chroma, o.constant([500, 200], [1, 2, 1, 1]))]);
}

/** The values of each plane stretched to [0, 1]. */
function stretched<T>(o: Ops<T>, x: T): T {
  const least = o.neg(o.max(o.neg(x), "hw"));
  return o.div(o.sub(x, least), o.add(o.sub(o.max(x, "hw"), least), eps));
}

/**
 * The saliency of each place of an image in [0, 1], [n, 1, h, w], from 0 to 1 (Zhang, Gu, Li 2013, SDSP): what a
 * log-Gabor filter passes of Lab, weighted towards the middle of the image and warm colours.
 *
 * @param size - the height and width at which it is computed
 */
export function sdsp<T>(o: Ops<T>, image: T, size: number): T {
  const plane = (value: (row: number, column: number) => number, width = size) =>
    o.constant(
      Float64Array.from({ length: size * width }, (_, i) => value(Math.floor(i / width), i % width)),
      [1, 1, size, width],
    );
  const frequency = (i: number) => (i < size / 2 ? i : i - size) / (size - (size % 2));
  const half = Math.floor(size / 2) + 1;
  const counts = inverseCounts(size, size);
  const filter = plane((row, column) => {
    const radius = Math.hypot(frequency(row), frequency(column));
    if (radius === 0 || radius > 0.5) return 0;
    return counts[column] * Math.exp(-(Math.log(radius / centre) ** 2) / (2 * bandwidth ** 2));
  }, half);
  // What an image has beyond one of its pixels is resized: flat ones stay exactly flat.
  const level = o.stopGradient(o.slice(o.slice(image, "h", 0, 1), "w", 0, 1));
  const like = plane(() => 0);
  const colours = lab(o, o.add(o.resize(o.sub(image, level), like), level));
  const { real, imaginary } = complexParts(o, o.fft(colours));
  const filtered = o.concat([o.mul(real, filter), o.mul(imaginary, filter)]);
  const passed = o.root(o.sum(o.square(o.backend.run("fftAdjoint", [filtered, colours], {})), "c"));
  const place = (i: number) => i - Math.floor(size / 2) + 1;
  const central = plane((row, column) => Math.exp(-(place(row) ** 2 + place(column) ** 2) / middle ** 2));
  const chroma = o.sum(o.square(stretched(o, o.slice(colours, "c", 1))), "c");
  const warm = o.neg(o.expm1(o.mul(chroma, -1 / warmth ** 2)));
  const salient = o.mul(o.mul(passed, central), warm);
  return stretched(o, o.resize(salient, image, { alignCorners: true }));
}
