import { colourImageOptions } from "../definitions/image-options.ts";
import { number } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { refuseColours } from "./colour-planes.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { linearRgb } from "./lab.ts";
import { defineLoss } from "./loss.ts";

type Rows = readonly (readonly number[])[];

/** CIE XYZ of linear sRGB relative to white (D65), and back, with the implementation's digits. */
const white = [0.950428545, 1, 1.088900371];
const inverseWhite = [1.052156925, 1, 0.91835767];
const relativeXyz = [
  [10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794],
  [2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897],
  [1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382],
].map((row, i) => row.map((x) => x * inverseWhite[i]));
const rgbOfXyz = [
  [3.241003275, -1.537398934, -0.498615861],
  [-0.969224334, 1.875930071, 0.041554224],
  [0.055639423, -0.204011202, 1.057148933],
].map((row) => row.map((x, i) => x * white[i]));

/** Y, X - Y and Y - Z of relative XYZ, and back: the opponent colours YCxCz without their scale, which every step undoes. */
const opponents = [
  [0, 1, 0],
  [1, -1, 0],
  [0, 1, -1],
];
const xyzOfOpponents = [
  [1, 1, 0],
  [1, 0, 0],
  [1, 0, -1],
];

function product(a: Rows, b: Rows): Rows {
  return a.map((row) => b[0].map((_, column) => row.reduce((sum, x, i) => sum + x * b[i][column], 0)));
}

/** A matrix times the three channels of every pixel. */
function mix<T>(o: Ops<T>, x: T, rows: Rows): T {
  return o.conv2d(x, o.constant(rows.flat(), [rows.length, 3, 1, 1]));
}

/** The eye's contrast sensitivity to each opponent colour as a sum of Gaussians over degrees, each with an amplitude and a squared width (table 1). */
const sensitivities: readonly { plane: number; a: number; b: number }[] = [
  { plane: 0, a: 1, b: 0.0047 },
  { plane: 1, a: 1, b: 0.0053 },
  { plane: 2, a: 34.1, b: 0.04 },
  { plane: 2, a: 13.5, b: 0.025 },
];

/** A window along one axis for each of some planes, all of the same length. */
type Windows = readonly (readonly number[])[];

function sampled(radius: number, f: (x: number) => number): number[] {
  return Array.from({ length: 2 * radius + 1 }, (_, i) => f(i - radius));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function normalised(values: readonly number[]): number[] {
  const total = sum(values);
  return values.map((value) => value / total);
}

/** Each plane under its own window along one axis, the image continued with its border. */
function windowed<T>(o: Ops<T>, x: T, windows: Windows, axis: "h" | "w"): T {
  const [count, length] = [windows.length, windows[0].length];
  const reach = (length - 1) / 2;
  const vertical = axis === "h";
  const padded = o.padWith(x, vertical ? [reach, 0] : [0, reach], "replicate");
  const shape = vertical ? ([count, 1, length, 1] as const) : ([count, 1, 1, length] as const);
  return o.conv2d(padded, o.constant(windows.flat(), shape), { groups: count });
}

/** The opponent colours as they reach the eye at so many pixels per degree: blurred by its contrast sensitivity, and back in linear RGB within [0, 1]. */
function seen<T>(o: Ops<T>, planes: T, pixelsPerDegree: number): T {
  const radius = Math.ceil(3 * Math.sqrt(0.04 / (2 * Math.PI ** 2)) * pixelsPerDegree);
  const gaussians = sensitivities.map(({ b }) =>
    sampled(radius, (x) => Math.exp((-(Math.PI ** 2) * (x / pixelsPerDegree) ** 2) / b)),
  );
  const volumes = sensitivities.map(({ a, b }, i) => a * Math.sqrt(Math.PI / b) * sum(gaussians[i]) ** 2);
  const total = (plane: number) => sum(volumes.filter((_, i) => sensitivities[i].plane === plane));
  const shares = [0, 1, 2].map((plane) =>
    sensitivities.map((gaussian, i) => (gaussian.plane === plane ? volumes[i] / total(plane) : 0)),
  );
  const windows = gaussians.map(normalised);
  const separate = o.concat(sensitivities.map(({ plane }) => o.channel(planes, plane)));
  const blurred = windowed(o, windowed(o, separate, windows, "w"), windows, "h");
  const toRgb = product(rgbOfXyz, product(xyzOfOpponents, shares));
  return o.clamp(o.conv2d(blurred, o.constant(toRgb.flat(), [3, windows.length, 1, 1])), 0, 1);
}

/** CIE L*a*b* of linear RGB, with a* and b* less in the dark, where the eye sees less of them (Hunt). */
function huntLab<T>(o: Ops<T>, linear: T): T {
  const delta = 6 / 29;
  const xyz = mix(o, linear, relativeXyz);
  const root = o.power(o.maximum(xyz, delta ** 3), 1 / 3);
  const f = o.where(o.greater(xyz, delta ** 3), root, o.add(o.mul(xyz, 1 / (3 * delta ** 2)), 4 / 29));
  const lightness = o.sub(o.mul(o.channel(f, 1), 116), 16);
  const chroma = mix(o, f, [
    [5, -5, 0],
    [0, 2, -2],
  ]);
  return o.concat([lightness, o.mul(chroma, lightness)]);
}

/** Differences smaller than the root of this count as it does, and features that differ less as this, so that powers have slopes. */
const eps = 1e-15;

/** The distance of colours, of lightness and of the other two added up, to the power 0.7. */
function colourDistance<T>(o: Ops<T>, x: T, y: T): T {
  const difference = o.sub(x, y);
  const lightness = o.maximum(o.abs(o.channel(difference, 0)), Math.sqrt(eps));
  const chroma = o.root(o.sum(o.square(o.slice(difference, "c", 1)), "c"));
  return o.power(o.add(lightness, chroma), 0.7);
}

/** A distance of colours in [0, 1]: below 0.4 of the largest, that of green and blue, up to 0.95. */
function redistribute<T>(o: Ops<T>, distance: T): T {
  const colour = (rgb: number[]) => huntLab(o, o.constant(rgb, [1, 3, 1, 1]));
  const relative = o.div(distance, colourDistance(o, colour([0, 1, 0]), colour([0, 0, 1])));
  const [knee, level] = [0.4, 0.95];
  const large = o.add(o.mul(o.sub(relative, knee), (1 - level) / (1 - knee)), level);
  return o.where(o.greater(knee, relative), o.mul(relative, level / knee), large);
}

/**
 * The strength of edges and points of the luminance at every place, [n, 2, h, w]: the lengths of the responses to first and second derivatives of a Gaussian, of width 0.041 degrees, along both axes.
 *
 * Differences between neighbours come first, so that flat areas have exactly none.
 */
function features<T>(o: Ops<T>, y: T, pixelsPerDegree: number): T {
  const deviation = 0.041 * pixelsPerDegree;
  const radius = Math.ceil(3 * deviation);
  const gaussian = (x: number) => Math.exp(-(x ** 2) / (2 * deviation ** 2));
  const balanced = (values: number[]) => {
    const [above, below] = [1, -1].map((sign) => sum(values.map((value) => Math.max(sign * value, 0))));
    return values.map((value) => value / (value > 0 ? above : below));
  };
  const detectors = [
    balanced(sampled(radius, (x) => -x * gaussian(x))),
    balanced(sampled(radius, (x) => ((x / deviation) ** 2 - 1) * gaussian(x))),
  ];
  // Of differences, a window that sums to 0 is the sums of what follows.
  const ofDifferences = detectors.map((taps) => taps.slice(1).map((_, i) => sum(taps.slice(i + 1))));
  const smooth = normalised(sampled(radius, gaussian));
  const along = (axis: "h" | "w") => {
    const horizontal = axis === "w";
    const padded = o.padWith(y, horizontal ? [0, 1] : [1, 0], "replicate");
    const differences = o.sub(o.slice(padded, axis, 1), o.slice(padded, axis, 0, -1));
    const shape = horizontal ? ([2, 1, 1, 2 * radius] as const) : ([2, 1, 2 * radius, 1] as const);
    const response = o.conv2d(differences, o.constant(ofDifferences.flat(), shape), {
      padding: horizontal ? [0, radius - 1] : [radius - 1, 0],
    });
    return windowed(o, response, [smooth, smooth], horizontal ? "h" : "w");
  };
  return o.root(o.add(o.square(along("w")), o.square(along("h"))));
}

/** Values are always limited to the range. */
const { clamp: _, ...flipOptions } = colourImageOptions;

/**
 * FLIP (Andersson, Nilsson, Akenine-Möller, Oskarsson, Åström, Fairchild 2020), of images that are shown in turn at one place: how much every pixel is seen to change. Colours are compared as they reach
 * the eye, blurred by its contrast sensitivity, and count more where edges or points differ. 0 for identical images, at most 1; lower is better; symmetric. The map is the error of each pixel.
 *
 * Equals NVlabs' `LDRFLIPLoss` of sRGB images. `pixelsPerDegree` is how many pixels a degree of the visual field has; the default is that of a 4K monitor, 0.7 m wide, at 0.7 m:
 * distance * pixels / width * pi / 180. Values are limited to [low, low + dataRange], as in the original. Identical images give 3e-7, the original's too, and a gradient of 0. A weight is each pixel's.
 *
 * @throws {ReconlossError} `shape` for images of other than 1 or 3 channels
 * @example
 * ```ts
 * import { flip, Tensor } from "@reconloss/core";
 * const [black, white] = [Tensor.full([1, 3, 8, 8], 0), Tensor.full([1, 3, 8, 8], 1)];
 * await flip().value(black, white); // 0.96738
 * ```
 */
export const flip = defineLoss({
  name: "flip",
  summary: "difference that is seen when images are shown in turn",
  formula: "mean dEc^(1 - dEf); dEc colour, dEf feature difference",
  use: "To judge rendered images, or any that one could flip between on one screen: its map shows where a difference is seen.",
  better: "lower",
  source: "Andersson et al. 2020, section 4; NVlabs/flip, LDRFLIPLoss",
  options: {
    ...flipOptions,
    pixelsPerDegree: number((3840 * Math.PI) / 180, "pixels of the image in a degree of the visual field", {
      min: 1,
      max: 1000,
    }),
  },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => refuseColours(shape[1]) ?? refuseImages({ crop: options.crop, channels: "rgb" }, shape),
  define: (options) => {
    const { dataRange, pixelsPerDegree } = options;
    return meanOfErrors({ ...options, channels: "rgb", clamp: true }, (o, { output, target }) => {
      const planes = [output, target].map((x) =>
        mix(o, linearRgb(o, dataRange === 1 ? x : o.div(x, dataRange)), product(opponents, relativeXyz)),
      );
      const [x, y] = planes.map((x) => huntLab(o, seen(o, x, pixelsPerDegree)));
      const colour = redistribute(o, colourDistance(o, x, y));
      const [a, b] = planes.map((x) => features(o, o.channel(x, 0), pixelsPerDegree));
      const feature = o.maximum(o.max(o.abs(o.sub(a, b)), "c"), eps);
      const exponent = o.sub(1, o.power(o.mul(feature, Math.SQRT1_2), 0.5));
      return o.exp(o.mul(o.log(colour), exponent));
    });
  },
});
