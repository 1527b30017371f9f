import type { Definition, Images } from "../definitions/definition.ts";
import { nothingOf, weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { positivePower } from "./powers.ts";

/**
 * One less the similarity `(2 a b + c) / (a^2 + b^2 + c)` of two features, which is `(a - b)^2 / (a^2 + b^2 + c)`: exact near 0, where most of an image is.
 *
 * @param masking - how much of a b both numerator and divisor of the similarity lose (Zhang, Sander, Bab-Hadiashar 2017)
 */
export function dissimilarity<T>(o: Ops<T>, a: T, b: T, constant: number | T, masking = 0): T {
  const squares = o.add(o.square(a), o.square(b));
  const divisor = masking === 0 ? squares : o.sub(squares, o.mul(o.mul(a, b), masking));
  return o.div(o.square(o.sub(a, b)), o.add(divisor, constant));
}

/** One less the product of two similarities, of one less each. */
export function joined<T>(o: Ops<T>, a: T, b: T): T {
  return o.sub(o.add(a, b), o.mul(a, b));
}

/** One less the power of a similarity, of one less it. */
export function powerOf<T>(o: Ops<T>, lost: T, exponent: number): T {
  return o.neg(o.expm1(o.mul(o.log1p(o.neg(lost)), exponent)));
}

/** Products of similarities that have lost less than this have their powers by the logarithm of 1 - lost, which keeps the digits of what is lost. */
const near = 0.5;

/**
 * One less the product of the similarities of two planes of colour, to a power.
 *
 * @param negative - a product below 0 has the power of its absolute value, or the real part of its complex one
 */
export function chromaDissimilarity<T>(
  o: Ops<T>,
  x: T,
  y: T,
  constants: readonly [number, number],
  exponent: number,
  negative: "absolute" | "complex",
): T {
  const [a, b] = constants.map((constant, plane) => {
    const [first, second] = [x, y].map((planes) => o.channel(planes, plane));
    const product = o.mul(o.mul(first, second), 2);
    const squares = o.add(o.square(first), o.square(second));
    return {
      similarity: o.div(o.add(product, constant), o.add(squares, constant)),
      lost: dissimilarity(o, first, second, constant),
    };
  });
  const lost = joined(o, a.lost, b.lost);
  // Near 0, where the power is steep, only the similarity itself has digits left.
  const similarity = o.mul(a.similarity, b.similarity);
  const size = positivePower(o, o.abs(similarity), exponent);
  const real = negative === "absolute" ? 1 : o.where(o.greater(similarity, 0), 1, Math.cos(exponent * Math.PI));
  return o.where(o.greater(near, lost), powerOf(o, o.clamp(lost, 0, near), exponent), o.sub(1, o.mul(size, real)));
}

/** The difference of output and target at each place of a similarity, the place's own weight, and that of its pixels. */
export interface Places<T> {
  /** One less the similarity, [n, 1, h, w]. */
  difference: T;
  importance: T;
  weight?: T;
}

/** Scores and maps of a measure by what it finds at each place, of images of known size. */
export function byPlaces(
  compare: <T>(o: Ops<T>, images: Images<T>) => Places<T>,
): Pick<Definition, "bySize" | "score" | "map"> {
  return {
    bySize: true,
    score: (o, images) => {
      const places = compare(o, images);
      return o.sub(1, meanByImportance(o, places.difference, places, 0));
    },
    map: (o, images) => o.sub(1, compare(o, images).difference),
  };
}

/** The mean of some values over all places by their importance and weight; `otherwise` where none has any importance. */
export function meanByImportance<T>(
  o: Ops<T>,
  values: T,
  { importance, weight }: Pick<Places<T>, "importance" | "weight">,
  otherwise: number,
): T {
  const own = weight === undefined ? importance : o.mul(importance, o.mean(weight, "c"));
  const total = o.sum(own, "hw");
  const counts = o.greater(total, 0);
  const mean = o.where(counts, o.div(o.sum(o.mul(own, values), "hw"), o.where(counts, total, 1)), otherwise);
  return weight === undefined ? mean : o.add(mean, nothingOf(o, weightedMean(o, values, weight, "hw")));
}
