import type { Ops } from "../graph/ops.ts";
import { symmetricEigen } from "./symmetric-eigen.ts";
import { makeWindow, windowCovariance, windowMean } from "./windows.ts";

/** Variances below this, in squared 8-bit levels, are those of flat windows. */
const eps = 1e-8;

/** Principal directions with less than this part of the largest variance are rounding errors. */
const negligible = 1e-10;

/** The nine pixels of a block and the pixel of the next scale that is their parent. */
const members = 10;

const square = makeWindow("uniform", [3, 3], [1, 1]);

/**
 * The cosine transform of a block's pixels: a rotation, which changes no information, and after which small variances are those of small differences, not small differences of large ones.
 */
const cosines = (() => {
  const waves = [
    [1, 1, 1].map((x) => x / Math.sqrt(3)),
    [1, 0, -1].map((x) => x / Math.sqrt(2)),
    [1, -2, 1].map((x) => x / Math.sqrt(6)),
  ];
  return waves.flatMap((down) => waves.flatMap((across) => down.flatMap((a) => across.map((b) => a * b))));
})();

const diagonal = Array.from({ length: members ** 2 }, (_, i) => (i % (members + 1) === 0 ? 1 : 0));

/** Weights of the samples of an axis [1, 1, places, samples] by which it is interpolated at some places, given as positions of samples. */
function interpolation<T>(o: Ops<T>, places: readonly number[], samples: number): T {
  const indices = Array.from({ length: samples }, (_, i) => i);
  const distances = o.sub(o.constant(places, [1, 1, places.length, 1]), o.constant(indices, [1, 1, 1, samples]));
  return o.relu(o.sub(1, o.abs(distances)));
}

/** The matrix that brings an axis of `samples` to the first `size` of twice as many: of 4 samples - 3 interpolated ones every second, and the line through the last two beyond each end. */
function enlarging<T>(o: Ops<T>, samples: number, size: number): T {
  const last = 4 * samples - 4;
  const clamped = (x: number, most: number) => Math.min(Math.max(x, 0), most);
  const ends = Array.from({ length: size }, (_, i) => clamped(2 * i - 1, last));
  const inner = ends.map((end, i) => (end === 2 * i - 1 ? end : clamped(end, last - 1) + (end === 0 ? 1 : 0)));
  const [a, b] = [ends, inner].map((indices) => {
    const places = indices.map((index) => clamped(((index + 0.5) * samples) / (last + 1) - 0.5, samples - 1));
    return interpolation(o, places, samples);
  });
  return o.sub(o.mul(a, 2), b);
}

/** A band of the next scale in the size of this one. */
function enlarge<T>(o: Ops<T>, x: T, like: T): T {
  const [[, , h, w], [, , height, width]] = [x, like].map((value) => o.dims(value) as readonly number[]);
  return o.matmul(o.matmul(enlarging(o, h, height), x), enlarging(o, w, width), { transposeB: true });
}

/** The blocks of a band, as channels: [n, 10, h - 2, w - 2]; zeros stand for a parent that there is none of. */
function blocksOf<T>(o: Ops<T>, band: T, parent: T | undefined): T {
  const pixels = o.conv2d(band, o.constant(cosines, [9, 1, 3, 3]));
  const parents = parent === undefined ? o.mul(o.channel(pixels, 0), 0) : o.crop(enlarge(o, parent, band), 1);
  return o.concat([pixels, parents]);
}

/** Matrices [n, 10, 10, 1] as planes [n, 1, 10, 10], or planes as matrices, transposed. */
function transposed<T>(o: Ops<T>, x: T, to: "plane" | "matrix"): T {
  return o.sum(o.mul(x, o.constant(diagonal, [1, members, 1, members])), to === "plane" ? "c" : "w");
}

/** The statistics of the target at one scale. */
interface Target<T> {
  /** Variances of the blocks along their principal directions, [n, 10, 1, 1]. */
  variances: T;
  /** The size of each block relative to the usual one: the mean over its members of squares along these directions, in units of the variances, [n, 1, h - 2, w - 2]. */
  energy: T;
  /** The number of members of a block. */
  count: number;
}

/** The target's blocks at some scales, whose parents are in the scale after, but for the last. Its principal directions carry no gradient. */
export function targetBlocks<T>(o: Ops<T>, bands: readonly T[], withParents: boolean): Target<T>[] {
  const scales = bands.map((band, scale) => {
    const parent = withParents ? bands.at(scale + 1) : undefined;
    return { blocks: blocksOf(o, band, parent), count: parent === undefined ? members - 1 : members };
  });
  const covariances = scales.map(({ blocks }) =>
    transposed(o, o.div(o.gram(blocks, blocks), o.size(blocks, "hw")), "plane"),
  );
  const { values, vectors } = symmetricEigen(o, o.concat(covariances), members);
  return scales.map(({ blocks, count }, scale) => {
    const own = o.sum(o.mul(o.channel(values, scale), o.constant(diagonal, [1, members, members, 1])), "h");
    const varies = o.greater(own, o.mul(o.max(own, "c"), negligible));
    const variances = o.where(varies, own, 0);
    const directions = transposed(o, o.channel(vectors, scale), "matrix");
    const inverse = o.where(varies, o.div(1 / count, o.where(varies, own, 1)), 0);
    const energy = o.sum(o.mul(o.square(o.mix(directions, blocks)), inverse), "c");
    return { variances, energy, count };
  });
}

/**
 * The information that output and target share with what the eye gets of both, of each 3x3 block of a band [n, 1, h, w], in nats: [n, 1, h - 2, w - 2] (Wang, Li 2011, eq. 28).
 *
 * @param noise - variance of the eye's noise
 */
export function informationContent<T>(
  o: Ops<T>,
  [output, target]: readonly [T, T],
  { variances, energy, count }: Target<T>,
  noise: number,
): T {
  const [x, y] = [output, target].map((band) => [band, windowMean(o, band, square)] as const);
  const [xx, yy] = [x, y].map((pair) => windowCovariance(o, pair, pair, square));
  const xy = windowCovariance(o, x, y, square);
  const varies = o.greater(xx, eps);
  const gain = o.where(o.mul(varies, o.greater(yy, eps)), o.div(xy, o.maximum(yy, eps)), 0);
  const rest = o.where(varies, o.relu(o.sub(xx, o.mul(gain, xy))), 0);
  const noisy = o.div(rest, noise);
  const seen = o.add(rest, o.mul(o.add(o.square(gain), 1), noise));
  const ratio = o.div(o.mul(seen, energy), o.mul(o.add(noisy, 1), noise ** 2));
  const signals = o.sum(o.log(o.add(o.mul(ratio, variances), 1)), "c");
  return o.add(signals, o.mul(o.log(o.add(noisy, 1)), count));
}
