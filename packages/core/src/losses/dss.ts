import type { Images } from "../definitions/definition.ts";
import { imageOptions, lumaChoices } from "../definitions/image-options.ts";
import { choice, number } from "../definitions/options.ts";
import { nothingOf, relativeWeight } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import type { Shape } from "../tensor.ts";
import { prepareLevels, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { dissimilarity, joined } from "./similarity.ts";
import { makeWindow } from "./windows.ts";

/** The side of the blocks. */
const side = 8;

/** Constants of the similarities of variances, in squared 8-bit levels: of the first coefficient and of the others. */
const constants = { first: 1000, others: 300 } as const;

/** The bands that count, with how much each does: a Gaussian of deviation 1.55 about the first coefficient, where it is at least 0.01. */
const bands = Array.from({ length: side * side }, (_, i) => {
  const [down, across] = [Math.floor(i / side), i % side];
  return { down, across, weight: Math.exp(-((down + 0.5) ** 2 + (across + 0.5) ** 2) / (2 * 1.55 ** 2)) };
}).filter(({ weight }) => weight >= 0.01);
const totalOfBands = bands.reduce((total, { weight }) => total + weight, 0);

/** The waves of the bands: discrete cosine transforms of blocks are products with them. */
const cosines = (() => {
  const wave = (frequency: number, i: number) =>
    Math.sqrt((frequency === 0 ? 1 : 2) / side) * Math.cos((Math.PI * frequency * (2 * i + 1)) / (2 * side));
  return bands.flatMap(({ down, across }) =>
    Array.from({ length: side * side }, (_, i) => wave(down, Math.floor(i / side)) * wave(across, i % side)),
  );
})();

const window = makeWindow("gaussian", [3, 3], [1.5, 1.5]);

/** The differences of each block's nine neighbours, itself among them and zeros beyond the border, from their mean under the window. */
function differences<T>(o: Ops<T>, x: T): { difference: T; weight: number }[] {
  const padded = o.padWith(x, 1, "zero");
  const end = (by: number) => (by === 2 ? undefined : by - 2);
  const neighbours = [0, 1, 2].flatMap((down) =>
    [0, 1, 2].map((across) => ({
      neighbour: o.slice(o.slice(padded, "h", down, end(down)), "w", across, end(across)),
      weight: window.rows[down] * window.columns[across],
    })),
  );
  const mean = neighbours
    .map(({ neighbour, weight }) => o.mul(neighbour, weight))
    .reduce((sum, part) => o.add(sum, part));
  return neighbours.map(({ neighbour, weight }) => ({ difference: o.sub(neighbour, mean), weight }));
}

/** The mean of the largest values of each plane, so many. */
function meanOfLargest<T>(o: Ops<T>, x: T, count: number): T {
  const [, , h, w] = o.dims(x) as Shape;
  const least = o.kthSmallest(x, h * w - count + 1);
  return o.add(least, o.mul(o.sum(o.relu(o.sub(x, least)), "hw"), 1 / count));
}

/** A share of a number, rounded, halves to even; at least 1. */
function shareOf(share: number, total: number): number {
  const exact = share * total;
  const rounded = Math.round(exact);
  return Math.max(1, rounded - exact === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded);
}

/**
 * DCT subband similarity (Balanov, Schwartz, Moshe, Peleg 2015): similarities of the local deviations of each coefficient of the discrete cosine transform of 8x8 blocks of the luma, over the worst blocks, averaged
 * with weights that are larger the lower a coefficient's frequency; the first coefficient's is multiplied by its local correlation. 1 for identical images, above 0; higher is better.
 *
 * The value is that of piq's `dss`. It takes the worst 5 % of the blocks (`share`), rounded, which of up to 10 blocks are none, and piq's value NaN; here they are at least one. Constants are in squared 8-bit levels, whatever the
 * range. What is left over beside whole blocks does not count. There is no map: the worst blocks of each coefficient are others. Gradients are finite where a block's surroundings are flat, where piq's are NaN. A weight is
 * averaged over blocks, divided by its mean, and multiplies what a similarity is below 1 before the worst are taken.
 *
 * @throws {ReconlossError} `shape` for images smaller than 8x8, or of other than 1 or 3 channels
 * @example
 * ```ts
 * import { dss, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 16, 16], 0.5);
 * await dss().value(grey, grey); // 1
 * ```
 */
export const dss = defineLoss({
  name: "dss",
  summary: "similarity of the bands of 8x8 cosine transforms, where they are worst",
  formula: "sum over coefficients k of w_k * mean of the worst similarities of k's local deviations",
  use: "To judge block transforms and blur by the bands of 8x8 cosine transforms, where they are worst. No map.",
  better: "higher",
  offset: 1,
  source: "Balanov, Schwartz, Moshe, Peleg 2015; piq, dss",
  options: {
    ...imageOptions,
    channels: choice(lumaChoices, "y-yiq", "the luma"),
    share: number(0.05, "share of the blocks that count: the worst", { above: 0, max: 1 }),
  },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => refuseImages(options, shape, [side, side]),
  define: (options) => ({
    bySize: true,
    score: <T>(o: Ops<T>, images: Images<T>): T => {
      const { output, target, weight } = prepareLevels(o, images, options);
      const filters = o.constant(cosines, [bands.length, 1, side, side]);
      const [x, y] = [output, target].map((luma) => differences(o, o.conv2d(luma, filters, { stride: side })));
      const sum = (parts: readonly T[]) => parts.reduce((total, part) => o.add(total, part));
      const [deviationX, deviationY] = [x, y].map((parts) =>
        o.root(sum(parts.map(({ difference, weight }) => o.mul(o.square(difference), weight)))),
      );
      const first = (z: T) => o.channel(z, 0);
      const covariance = sum(
        x.map(({ difference, weight }, i) => o.mul(o.mul(first(difference), first(y[i].difference)), weight)),
      );
      const product = o.mul(first(deviationX), first(deviationY));
      const uncorrelated = o.div(o.sub(product, covariance), o.add(product, constants.first));
      const constant = bands.map((_, i) => (i === 0 ? constants.first : constants.others));
      const unlike = dissimilarity(o, deviationX, deviationY, o.constant(constant, [1, bands.length, 1, 1]));

      const blocks = weight && o.avgPool(o.mean(weight, "c"), side);
      const [, , h, w] = o.dims(unlike) as Shape;
      const count = shareOf(options.share, h * w);
      const worst = (places: T) => meanOfLargest(o, blocks ? o.mul(places, relativeWeight(o, blocks)) : places, count);
      const lost = worst(unlike);
      const all = o.concat([joined(o, first(lost), worst(uncorrelated)), o.slice(lost, "c", 1)]);
      const shares = bands.map(({ weight }) => weight / totalOfBands);
      const score = o.sub(1, o.sum(o.mul(all, o.constant(shares, [1, bands.length, 1, 1])), "c"));
      return blocks ? o.add(score, nothingOf(o, o.div(1, o.mean(blocks, "hw")))) : score;
    },
  }),
});
