import type { Images } from "../definitions/definition.ts";
import { colourImageOptions } from "../definitions/image-options.ts";
import { choice, flag, number } from "../definitions/options.ts";
import { nothingOf, weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { haarpsi as kernel } from "../kernels/haarpsi.ts";
import { averagedWeight, halveBy } from "./averaging.ts";
import { colourPlanes, planeWeights, refuseColours, yiq } from "./colour-planes.ts";
import { prepareLevels, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { dissimilarity } from "./similarity.ts";

/** Pixels of the three Haar wavelets. The two finer ones are compared, the coarsest says how much each place counts. */
const sides = [2, 4, 8];

/**
 * The size of a plane's Haar coefficients of one scale, [n, 2, h, w]: across rows and across columns, at every place, with zeros beyond the border, as MATLAB's `conv2(..., "same")`.
 *
 * Differences come first, so that flat areas have exactly none.
 */
function haar<T>(o: Ops<T>, x: T, side: number): T {
  const half = side / 2;
  const padded = o.pad(x, { top: half - 1, left: half - 1, bottom: half, right: half });
  const ones = (h: number, w: number, value = 1) => o.constant(Array(h * w).fill(value), [1, 1, h, w]);
  const rows = o.sub(o.slice(padded, "h", 0, -half), o.slice(padded, "h", half));
  const columns = o.sub(o.slice(padded, "w", 0, -half), o.slice(padded, "w", half));
  const sum = (differences: T, h: number, w: number) =>
    o.conv2d(o.conv2d(differences, ones(h, 1, 1 / side)), ones(1, w));
  return o.abs(o.concat([sum(rows, half, side), sum(columns, side, half)]));
}

/** The steepest logistic function that float32 holds from end to end. */
const steepest = 60;

/** The planes whose similarity is measured at each place, and how much each of them counts there. */
interface Planes<T> {
  /** One less the similarity, [n, planes, h, w]. */
  differences: T;
  /** In the same shape. */
  weights: T;
}

/**
 * Haar wavelet-based perceptual similarity (Reisenhofer, Bosse, Kutyniok, Wiegand 2018): similarities of Haar coefficients of the luma across rows and columns, and of I and Q of YIQ,
 * averaged through a logistic function with the coarsest coefficients as weights. 1 for identical images, above 0; higher is better.
 *
 * | preset | YIQ | equals |
 * |---|---|---|
 * | `piq` (default) | four decimals | piq `haarpsi` |
 * | `matlab` | three decimals | the authors' MATLAB code |
 *
 * `c` is in squared 8-bit levels, whatever the range; c = 5 and alpha = 5.8 are the values for medical images (Karner et al. 2024). Grey images have no colour to compare. Images without any
 * structure, black ones, have the similarity 1, where piq gives infinity. The map is the weighted mean of the similarities of each place, 1 where none counts; half the size with `subsample`.
 * A weight is halved with the images and multiplies the coefficients' own.
 *
 * @throws {ReconlossError} `shape` for images smaller than 16x16, or of other than 1 or 3 channels
 * @example
 * ```ts
 * import { haarpsi, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 16, 16], 0.5);
 * await haarpsi().value(grey, grey); // 1
 * ```
 */
export const haarpsi = defineLoss({
  name: "haarpsi",
  summary: "similarity of Haar wavelet coefficients and colours",
  formula: "(l^-1(sum w l(s) / sum w))^2, l(z) = 1 / (1 + exp(-alpha z)); s similarities, w sizes of Haar coefficients",
  use: "To judge as people do, fast; of medical images with `c=5,alpha=5.8`.",
  better: "higher",
  offset: 1,
  source: "Reisenhofer et al. 2018, eq. 10 to 12; piq, the authors' MATLAB code: the preset says which",
  options: {
    preset: choice(["piq", "matlab"], "piq", "whose numbers come out"),
    ...colourImageOptions,
    yiq: choice(["piq", "matlab"], "piq", "decimals of YIQ: four or three"),
    subsample: flag(true, "whether images are averaged down by 2 first"),
    c: number(30, "constant of the similarities, in squared 8-bit levels", { above: 0 }),
    alpha: number(4.2, "slope of the logistic function", { above: 0 }),
  },
  presets: { matlab: { yiq: "matlab" } },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => refuseColours(shape[1]) ?? refuseImages({ ...options, channels: "rgb" }, shape, [16, 16]),
  define: (options) => {
    const { subsample, c, alpha } = options;
    const half = <T>(o: Ops<T>, x: T) => (subsample ? halveBy(o, x, "zero") : x);

    const compare = <T>(o: Ops<T>, { output, target }: Images<T>): Planes<T> => {
      const colours = o.channels(output) === 3;
      const [x, y] = [output, target].map((image) => {
        const planes = colourPlanes(o, image, colours ? yiq[options.yiq] : [yiq.piq[0]]);
        return { planes, scales: sides.map((side) => haar(o, o.channel(planes, 0), side)) };
      });
      const [finest, finer] = [0, 1].map((scale) => dissimilarity(o, x.scales[scale], y.scales[scale], c));
      const differences = o.mul(o.add(finest, finer), 0.5);
      const weights = o.maximum(x.scales[2], y.scales[2]);
      if (!colours) return { differences, weights };
      const chroma = ({ planes }: typeof x) => {
        const padded = o.pad(o.slice(planes, "c", 1), { top: 0, left: 0, bottom: 1, right: 1 });
        return o.abs(o.avgPool(padded, 2, { stride: 1 }));
      };
      return {
        differences: o.concat([differences, o.mean(dissimilarity(o, chroma(x), chroma(y), c), "c")]),
        weights: o.concat([weights, o.mean(weights, "c")]),
      };
    };

    const prepared = <T>(o: Ops<T>, images: Images<T>): Images<T> => {
      const { output, target, weight } = prepareLevels(o, images, { ...options, channels: "rgb" });
      const halved = { output: half(o, output), target: half(o, target) };
      return { ...halved, ...(weight && { weight: averagedWeight(o, weight, (x) => half(o, x)) }) };
    };

    /** The sum of what is weighted by the sum of the weights, over the axes, and `otherwise` where no weight is. */
    const mean = <T>(o: Ops<T>, weighted: T, weights: T, axes: string, otherwise: number): T => {
      const total = o.sum(weights, axes);
      const counts = o.greater(total, 0);
      return o.where(counts, o.div(o.sum(weighted, axes), o.where(counts, total, 1)), otherwise);
    };

    const images = { ...options, channels: "rgb" } as const;
    const spec = {
      kind: "haarpsi",
      factor: subsample ? 2 : 1,
      rows: planeWeights(yiq[options.yiq], 255 / options.dataRange),
      constant: c,
      alpha,
    } as const;

    return {
      ...(alpha > steepest ? {} : { kernel: { kernel, spec, images, withoutMap: true } }),
      score: (o, images) => {
        const { weight, ...pair } = prepared(o, images);
        const { differences, weights } = compare(o, pair);
        const places = weight && o.mean(weight, "c");
        const own = places === undefined ? weights : o.mul(weights, places);
        // One less the logistic function of the similarity, whose mean is small where images are alike.
        const logistic = o.div(own, o.add(o.exp(o.mul(o.sub(1, differences), alpha)), 1));
        const rest = mean(o, logistic, own, "chw", 1 / (Math.exp(alpha) + 1));
        const score = o.square(o.mul(o.log(o.div(o.sub(1, rest), rest)), 1 / alpha));
        return places === undefined ? score : o.add(score, nothingOf(o, weightedMean(o, differences, places, "chw")));
      },
      map: (o, images) => {
        const { differences, weights } = compare(o, prepared(o, images));
        return o.sub(1, mean(o, o.mul(weights, differences), weights, "c", 0));
      },
    };
  },
});
