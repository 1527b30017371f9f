import type { Ops } from "../graph/ops.ts";

/**
 * One less the similarity `(2 a b + c) / (a^2 + b^2 + c)` of two features, which is `(a - b)^2 / (a^2 + b^2 + c)`: exact near 0, where most of an image is.
 *
 * @param masking - how much of a b both numerator and divisor of the similarity lose (Zhang, Sander, Bab-Hadiashar 2017)
 */
export function dissimilarity<T>(o: Ops<T>, a: T, b: T, constant: number, masking = 0): T {
  const squares = o.add(o.square(a), o.square(b));
  const divisor = masking === 0 ? squares : o.sub(squares, o.mul(o.mul(a, b), masking));
  return o.div(o.square(o.sub(a, b)), o.add(divisor, constant));
}
