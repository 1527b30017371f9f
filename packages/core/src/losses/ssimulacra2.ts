import type { Images } from "../definitions/definition.ts";
import { colourImageOptions } from "../definitions/image-options.ts";
import { rootOfMean, weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { ssimulacra2 as kernel, ssimulacra2Scales } from "../kernels/ssimulacra2.ts";
import { shifts } from "../kernels/strips/ssimulacra2-scale.ts";
import type { Ssimulacra2Weights } from "../kernels/types.ts";
import { refuseColours } from "./colour-planes.ts";
import { prepare, refuseImages } from "./images.ts";
import { linearRgb } from "./lab.ts";
import { defineLoss } from "./loss.ts";
import { type Window, windowMean } from "./windows.ts";

/** The least side of images. */
const leastSide = 8;

/** XYB's cone responses to linear light, with a bias that is taken off again after the cube root (libjxl). */
const cones = [
  [0.3, 0.622, 0.078],
  [0.23, 0.692, 0.078],
  [0.24342268924547819, 0.20476744424496821, 1 - 0.24342268924547819 - 0.20476744424496821],
];
const bias = 0.0037930732552754493;

/** Responses below this, which no image within its range has, are on a line to 0, where the cube root's slope is infinite. */
const darkest = 1e-6;

/** The offset that is subtracted from each, so that they are numbers around 0, whose squares are exact: of Y the bias's root and about half its range. */
const middles = [0, Math.cbrt(bias) + 0.45, 0];
/** X, Y and B - Y of the roots, X stretched by 14: all of about the size of Y. */
const opponents = [
  [7, -7, 0],
  [0.5, 0.5, 0],
  [-0.5, -0.5, 1],
];

/**
 * Half of the symmetric window that libjxl's recursive Gaussian of standard deviation 1.5 is: sums of three cosines that are 0 from the fifth pixel on (Charalampidis 2016, equations 33 to 57).
 */
const halfWindow = [
  0.2646211054881986, 0.21292859201042227, 0.10933537277746035, 0.03601111465836439, 0.00941436780965374,
];
const reach = halfWindow.length - 1;
const taps = Float64Array.from({ length: 2 * reach + 1 }, (_, i) => Math.fround(halfWindow[Math.abs(i - reach)]));
export const recursiveGaussian: Window = {
  rows: taps,
  columns: taps,
  excess: taps.reduce((sum, tap) => sum + tap, 0) ** 2 - 1,
};

/** The constant that keeps quotients of variances finite. */
const c2 = 0.0009;

/**
 * The weight of each norm: for X, Y and B - Y, for each scale from fine to coarse, the mean of the errors of structure, of edges that the target has not, of edges that the output has lost;
 * then their norms of order 4.
 */
const published = [
  // X
  [0, 0.0007376606707406586, 0, 0, 0.0007793481682867309, 0],
  [0, 0.0004371155730107379, 0, 1.1041726426657346, 0.00066284834129271, 0.00015231632783718752],
  [0, 0.0016406437456599754, 0, 1.8422455520539298, 11.441172603757666, 0],
  [0.0007989109436015163, 0.000176816438078653, 0, 1.8787594979546387, 10.94906990605142, 0],
  [0.0007289346991508072, 0.9677937080626833, 0, 0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053],
  [0.0004550992113792063, 0, 0, 0.0013648766163243398, 0, 0],
  // Y
  [0, 0, 0, 7.466890328078848, 0, 17.445833984131262],
  [0.0006235601634041466, 0, 0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264],
  [225.20515300849274, 0, 0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985],
  [176.39317598450694, 0, 0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408],
  [0, 0, 0, 34.77906344483772, 44.835625328877896, 0],
  [0, 0, 0, 0, 0, 0],
  // B - Y
  [0, 0.0008680556573291698, 0, 0, 0, 0],
  [0, 0.0005313191874358747, 0, 0.00016533814161379112, 0, 0],
  [0, 0, 0, 0.0004179171803251336, 0.0017290828234722833, 0],
  [0.0020827005846636437, 0, 0, 8.826982764996862, 23.19243343998926, 0],
  [
    95.1080498811086, 0.9863978034400682, 0.9834382792465353, 0.0012286405048278493, 171.2667255897307,
    0.9807858872435379,
  ],
  [0, 0, 0, 0.0005130064588990679, 0, 0.00010854057858411537],
];

/**
 * The weights of one scale's errors, for means and for norms of order 4, in the order of {@link errors}: three errors of three planes. Of images with fewer scales than six, the program takes as
 * many rows of the table as there are, in a row, so that those of Y begin among the rows of X.
 */
function weightsOf(scale: number, scales: number): Ssimulacra2Weights {
  const rows = [0, 1, 2].map((plane) => published[plane * scales + scale]);
  const at = (first: number) => [0, 1, 2].flatMap((error) => rows.map((row) => row[first + error]));
  return { means: at(0), norms: at(3) };
}

/** Half the size, by means over 2x2 pixels; odd last rows and columns are repeated. */
function halve<T>(o: Ops<T>, x: T): T {
  return o.avgPool(o.padWith(x, { top: 0, left: 0, bottom: 1, right: 1 }, "replicate"), 2);
}

/** X, Y and B - Y of linear light around 0, [n, 3, h, w]; the program's are these plus {@link shifts}. */
function toOpponents<T>(o: Ops<T>, linear: T): T {
  const matrix = (x: T, rows: readonly (readonly number[])[]) => o.conv2d(x, o.constant(rows.flat(), [3, 3, 1, 1]));
  const responses = o.add(matrix(linear, cones), bias);
  const roots = o.power(o.maximum(responses, darkest), 1 / 3);
  const bent = o.where(o.greater(responses, darkest), roots, o.mul(o.relu(responses), darkest ** (-2 / 3)));
  return o.sub(matrix(bent, opponents), o.constant(middles, [1, 3, 1, 1]));
}

/**
 * The errors of one scale, [n, 9, h, w], each of X, Y and B - Y: of structure, `1 - (1 - (mx - my)^2) (2 sxy + c2) / (sx^2 + sy^2 + c2)`; of edges that the target has not, and of those that the
 * output has lost, by which `(1 + |x - mx|) / (1 + |y - my|)` is above and below 1.
 */
function errors<T>(o: Ops<T>, x: T, y: T): T {
  // Windows continue the program's planes with zeros. Of a plane and its shift that is the plane's mean and what lies inside of the shift.
  const blur = (values: T) => windowMean(o, o.pad(values, reach), recursiveGaussian);
  const inside = o.pad(o.expand(o.scalar(1), o.channel(x, 0)), reach);
  const outside = windowMean(o, o.sub(1, inside), recursiveGaussian);
  const shift = o.constant(shifts, [1, 3, 1, 1]);
  const lost = o.mul(outside, shift);
  const [mx, my, squares, differences] = [
    x,
    y,
    o.add(o.square(x), o.square(y)),
    // The variance of the difference is what the sum of variances and twice the covariance differ by.
    o.square(o.sub(x, y)),
  ].map(blur);
  const variance = o.sub(differences, o.square(o.sub(mx, my)));
  const variances = o.add(
    o.sub(squares, o.add(o.square(mx), o.square(my))),
    o.mul(lost, o.add(o.mul(o.add(mx, my), 2), o.mul(o.mul(o.sub(1, outside), shift), 2))),
  );
  const far = o.square(o.sub(mx, my));
  const structure = o.relu(o.add(far, o.mul(o.sub(1, far), o.div(variance, o.add(variances, c2)))));
  const [edgeX, edgeY] = [
    [x, mx],
    [y, my],
  ].map(([values, mean]) => o.abs(o.add(o.sub(values, mean), lost)));
  const change = o.div(o.sub(edgeX, edgeY), o.add(edgeY, 1));
  return o.concat([structure, o.relu(change), o.relu(o.neg(change))]);
}

/** The errors of each scale, and the weight of its places. */
interface Scale<T> {
  errors: T;
  weight?: T;
}

/** The program's scale of the weighted sum: 100 where it is 0, lower with every error, without end. */
function toScore<T>(o: Ops<T>, sum: T): T {
  const x = o.mul(sum, 0.9562382616834844);
  const coefficients = [6.248496625763138e-5, -0.020884521182843837, 2.326765642916932];
  const bent = o.mul(
    coefficients.map((c) => o.scalar(c)).reduce((value, c) => o.add(o.mul(value, x), c)),
    x,
  );
  const power = o.power(o.maximum(bent, 1e-12), 0.6276336467831387);
  return o.where(o.greater(bent, 0), o.sub(100, o.mul(power, 10)), 100);
}

/**
 * SSIMULACRA 2.1 (Sneyers 2023), fitted to what people say of compressed photographs: errors of structure, edges that came and edges that went, in X, Y and B - Y of the XYB colour space, on up to six
 * scales that are halved in linear light; the mean and the norm of order 4 of each, 108 numbers, weighted and added up. 100 for identical images, 90 hardly to be told apart, 70 high quality, 50 medium, 30
 * low; below 0 for worse. Higher is better; not symmetric.
 *
 * Equals the authors' program (cloudinary/ssimulacra2) within its float32. Images with a side below 113 have fewer scales, and then the program reads its table of weights in a row: so do we.
 * Its window, a recursive Gaussian with zeros beyond the border, is a finite one of nine pixels, and computed so.
 *
 * The map is of errors, [n, 1, h, w], with those of coarser scales repeated: what each place adds to the weighted sum, from which the score is computed. Gradients are finite, and 0 where images are
 * identical. A weight is halved with the images, and weights means and norms.
 *
 * @throws {ReconlossError} `shape` for images smaller than 8x8, or of other than 1 or 3 channels
 * @example
 * ```ts
 * import { ssimulacra2, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 16, 16], 0.5);
 * await ssimulacra2().value(grey, grey); // 100
 * ```
 */
export const ssimulacra2 = defineLoss({
  name: "ssimulacra2",
  summary: "quality of compressed photographs as people see it, 100 for identical images",
  formula: "100 - 10 p(s)^0.63; s the weighted sum of 108 means and norms of errors in XYB, p a cubic",
  use: "To choose the quality of JPEG, WebP, AVIF and JPEG XL files: it is fitted to what people say of compressed photographs.",
  better: "higher",
  decimals: 2,
  offset: 100,
  source: "Sneyers 2023, cloudinary/ssimulacra2, version 2.1",
  options: {
    ...colourImageOptions,
  },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) =>
    refuseColours(shape[1]) ?? refuseImages({ ...options, channels: "rgb" }, shape, [leastSide, leastSide]),
  define: (options) => {
    const scales = <T>(o: Ops<T>, images: Images<T>): Scale<T>[] => {
      const prepared = prepare(o, images, { ...options, channels: "rgb" });
      let [x, y] = [prepared.output, prepared.target].map((image) => linearRgb(o, o.div(image, options.dataRange)));
      let weight = prepared.weight && o.mean(prepared.weight, "c");
      const [, , h, w] = o.dims(x) as readonly number[];
      return Array.from({ length: ssimulacra2Scales(h, w) }, (_, scale) => {
        if (scale > 0) [x, y, weight] = [halve(o, x), halve(o, y), weight && halve(o, weight)];
        return { errors: errors(o, toOpponents(o, x), toOpponents(o, y)), weight };
      });
    };
    const row = <T>(o: Ops<T>, weights: readonly number[]) => o.constant(weights, [1, weights.length, 1, 1]);
    const fourth = <T>(o: Ops<T>, x: T) => o.square(o.square(x));
    /** The norm of order 4 of each error. */
    const norm = <T>(o: Ops<T>, { errors, weight }: Scale<T>): T =>
      rootOfMean(o, rootOfMean(o, weightedMean(o, fourth(o, errors), weight, "hw")));

    return {
      bySize: true,
      mapsErrors: true,
      kernel: {
        kernel,
        spec: {
          kind: "ssimulacra2",
          dataRange: options.dataRange,
          window: Array.from(taps),
          // By how many scales there are.
          weights: Array.from({ length: published.length / 3 }, (_, last) =>
            Array.from({ length: last + 1 }, (_, scale) => weightsOf(scale, last + 1)),
          ),
        },
        images: { ...options, channels: "rgb" },
        withoutMap: true,
      },
      score: (o, images) =>
        scales(o, images)
          .map((scale, index, all) => {
            const { means, norms } = weightsOf(index, all.length);
            const mean = weightedMean(o, scale.errors, scale.weight, "hw");
            return o.sum(o.add(o.mul(mean, row(o, means)), o.mul(norm(o, scale), row(o, norms))), "c");
          })
          .reduce((sum, value) => o.add(sum, value)),
      toReported: toScore,
      map: (o, images) => {
        const maps = scales(o, images).map((scale, index, all) => {
          const { means, norms } = weightsOf(index, all.length);
          const whole = norm(o, scale);
          // The mean of these is the norm.
          const cube = o.mul(o.square(whole), whole);
          const share = o.where(o.greater(cube, 0), o.div(fourth(o, scale.errors), o.maximum(cube, 1e-30)), 0);
          return o.sum(o.add(o.mul(scale.errors, row(o, means)), o.mul(share, row(o, norms))), "c");
        });
        return maps.reduce((sum, map) => o.add(sum, o.resize(map, sum, { mode: "nearest" })));
      },
    };
  },
});
