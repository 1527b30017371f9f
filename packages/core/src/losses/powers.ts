import { nothingOf } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";

/**
 * `x^exponent` for x > 0, else 0, with a gradient that is finite everywhere; NaN, the mean of no windows, stays NaN.
 *
 * @param least - below this, positive x count as this
 */
export function positivePower<T>(o: Ops<T>, x: T, exponent: number, least = 1e-12): T {
  return o.where(o.greater(x, 0), o.power(o.maximum(x, least), exponent), nothingOf(o, x));
}

/** A complex number 1 + d + i im. Near 1 float32 holds d to more places than 1 + d. */
export interface NearOne<T> {
  d: T;
  im: T;
}

/** A real number 1 + d. */
export function realNearOne<T>(o: Ops<T>, d: T): NearOne<T> {
  return { d, im: o.expand(o.scalar(0), d) };
}

/** Real numbers within this of 1 have their powers by the logarithm of 1 + d, which keeps the digits of d. */
const near = 0.5;

/** The principal value of a complex power: negative numbers have complex powers. */
export function complexPower<T>(o: Ops<T>, { d, im }: NearOne<T>, exponent: number): NearOne<T> {
  if (exponent === 1) return { d, im };
  const isNear = o.mul(o.greater(near, o.abs(d)), o.sub(1, o.greater(o.abs(im), 0)));
  const small = o.clamp(d, -near, near);
  const re = o.add(d, 1);
  const size = positivePower(o, o.root(o.add(o.square(re), o.square(im))), exponent);
  const angle = o.mul(o.atan2(im, re), exponent);
  return {
    d: o.where(isNear, o.expm1(o.mul(o.log1p(small), exponent)), o.sub(o.mul(size, o.cos(angle)), 1)),
    im: o.where(isNear, 0, o.mul(size, o.sin(angle))),
  };
}
