import type { Ops } from "../graph/ops.ts";

/** `x` where it is positive, else `slope * x` (0 <= slope < 1); the derivative at 0 is the slope, as in PyTorch. */
export function leakyRelu<T>(o: Ops<T>, x: T, slope = 0.2): T {
  // Where x is positive does not change with x: a constant factor makes every derivative one multiplication.
  return o.mul(x, o.maximum(o.stopGradient(o.greater(x, 0)), slope));
}

/** exp(x) and 1 over a factor that keeps both at most 1, and the logarithm of that factor. */
function scaledExponentials<T>(o: Ops<T>, x: T): { grown: T; one: T; log: T } {
  const log = o.stopGradient(o.maximum(x, 0));
  return { grown: o.exp(o.sub(x, log)), one: o.exp(o.neg(log)), log };
}

/** `1 / (1 + exp(-x))`, in (0, 1); it and its derivatives are finite for every finite x. */
export function sigmoid<T>(o: Ops<T>, x: T): T {
  const { grown, one } = scaledExponentials(o, x);
  return o.div(grown, o.add(grown, one));
}

/**
 * `log(1 + exp(x))`, at least 0. Its derivatives of every order are those of the formula, at 0 too, and finite for every finite x; its
 * value keeps its leading digits where it is close to 0.
 */
export function softplus<T>(o: Ops<T>, x: T): T {
  const { grown, one, log } = scaledExponentials(o, x);
  const sum = o.add(log, o.log(o.add(grown, one)));
  // log(1 + e) loses e where e is small. With r = 1 + e as rounded, log(r) e / (r - 1) has the error of log alone (Kahan).
  const e = o.exp(o.neg(o.abs(x)));
  const rounded = o.add(e, 1);
  const excess = o.sub(rounded, 1);
  const exact = o.where(o.greater(excess, 0), o.div(o.mul(o.log(rounded), e), o.maximum(excess, 1e-30)), e);
  return o.add(sum, o.stopGradient(o.sub(o.add(log, exact), sum)));
}
