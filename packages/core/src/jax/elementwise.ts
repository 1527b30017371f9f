import { toOneShape } from "./arrays.ts";
import type { JaxArray as A } from "./framework.ts";
import type { O, Table } from "./table.ts";

/** The largest exponent up to which whole powers are products. */
const wholePowers = 32;

/** A primitive of operands that are repeated to one shape. */
function alike(f: (numpy: O["numpy"], ...operands: A[]) => A) {
  return (o: O, operands: readonly A[]): A => f(o.numpy, ...toOneShape(o, operands));
}

/** 1 where a condition holds, else 0. */
const number = (numpy: O["numpy"], condition: A) => numpy.where(condition, 1, 0);

const middle = (numpy: O["numpy"], a: A, b: A) => numpy.multiply(numpy.add(a, b), 0.5);

/** A logarithm after a step of Newton's method: jax-js's own in WebAssembly is off by 1e-5. */
function corrected(o: O, rough: A, correction: A): A {
  const { add, greater, where } = o.numpy;
  const fixed = o.lax.stopGradient(correction);
  return add(rough, where(greater(1e-3, fixed), where(greater(fixed, -1e-3), fixed, 0), 0));
}

function logarithm(o: O, x: A): A {
  const { exp, log, multiply, negative, subtract } = o.numpy;
  const rough = log(x);
  return corrected(o, rough, subtract(multiply(x, exp(negative(rough))), 1));
}

function powerOf(o: O, x: A, exponent: number): A {
  const { add, divide, equal, exp, multiply, sqrt, where } = o.numpy;
  if (Number.isInteger(exponent) && Math.abs(exponent) <= wholePowers) {
    if (exponent < 0) return divide(1, powerOf(o, x, -exponent));
    if (exponent === 0) return add(multiply(x, 0), 1);
    const half = exponent > 1 ? powerOf(o, x, Math.floor(exponent / 2)) : x;
    if (exponent === 1) return x;
    return exponent % 2 === 0 ? multiply(half, half) : multiply(multiply(half, half), x);
  }
  if (exponent === 0.5) return sqrt(x);
  if (exponent < 0) return exp(multiply(logarithm(o, x), exponent));
  const isZero = equal(x, 0);
  const inside = exp(multiply(logarithm(o, where(isZero, 1, x)), exponent));
  return where(isZero, exponent < 1 ? sqrt(x) : 0, inside);
}

/** Primitives of one element after the other. */
export const elementwise = {
  add: alike((numpy, a, b) => numpy.add(a, b)),
  sub: alike((numpy, a, b) => numpy.subtract(a, b)),
  mul: alike((numpy, a, b) => numpy.multiply(a, b)),
  div: alike((numpy, a, b) => numpy.divide(a, b)),
  maximum: alike((numpy, a, b) =>
    numpy.where(numpy.greater(a, b), a, numpy.where(numpy.greater(b, a), b, middle(numpy, a, b))),
  ),
  minimum: alike((numpy, a, b) =>
    numpy.where(numpy.greater(a, b), b, numpy.where(numpy.greater(b, a), a, middle(numpy, a, b))),
  ),
  atan2: alike((numpy, y, x) => {
    const pi = Math.PI;
    const [above, right] = [numpy.greater(0, y), numpy.greater(0, x)];
    const [height, width] = [numpy.where(above, numpy.negative(y), y), numpy.where(right, numpy.negative(x), x)];
    const isSteep = numpy.greater(height, width);
    const divisor = numpy.where(isSteep, y, x);
    const isOrigin = numpy.equal(divisor, 0);
    const slope = numpy.divide(numpy.where(isOrigin, 0, numpy.where(isSteep, x, y)), numpy.where(isOrigin, 1, divisor));
    const angle = numpy.atan(slope);
    const steep = numpy.subtract(numpy.where(above, -pi / 2, pi / 2), angle);
    const flat = numpy.add(numpy.where(right, numpy.where(above, -pi, pi), 0), angle);
    return numpy.where(isSteep, steep, flat);
  }),
  greater: alike((numpy, a, b) => number(numpy, numpy.greater(a, b))),
  neg: ({ numpy }, [x]) => numpy.negative(x),
  abs: ({ numpy }, [x]) =>
    numpy.where(numpy.greater(x, 0), x, numpy.where(numpy.greater(0, x), numpy.negative(x), numpy.multiply(x, 0))),
  sign: ({ numpy, lax }, [x]) => {
    const value = lax.stopGradient(x);
    return numpy.where(numpy.greater(value, 0), 1, numpy.where(numpy.greater(0, value), -1, numpy.multiply(value, 0)));
  },
  sqrt: ({ numpy }, [x]) => numpy.sqrt(x),
  exp: ({ numpy }, [x]) => numpy.exp(x),
  log: (o, [x]) => logarithm(o, x),
  log1p: (o, [x]) => {
    const rough = o.numpy.log1p(x);
    return corrected(
      o,
      rough,
      o.numpy.multiply(o.numpy.subtract(x, o.numpy.expm1(rough)), o.numpy.exp(o.numpy.negative(rough))),
    );
  },
  expm1: ({ numpy }, [x]) => numpy.expm1(x),
  sin: ({ numpy }, [x]) => numpy.sin(x),
  cos: ({ numpy }, [x]) => numpy.cos(x),
  relu: ({ numpy }, [x]) =>
    numpy.where(numpy.greater(x, 0), x, numpy.where(numpy.greater(0, x), 0, numpy.multiply(x, 0))),
  round: ({ numpy, lax }, [x]) => {
    const value = lax.stopGradient(x);
    const below = numpy.floor(value);
    const rest = numpy.subtract(value, below);
    const odd = numpy.subtract(below, numpy.multiply(numpy.floor(numpy.multiply(below, 0.5)), 2));
    return numpy.add(below, numpy.where(numpy.greater(rest, 0.5), 1, numpy.where(numpy.greater(0.5, rest), 0, odd)));
  },
  power: (o, [x], { exponent }) => powerOf(o, x, exponent),
  clamp: ({ numpy }, [x], { low, high }) =>
    numpy.where(numpy.greater(low, x), low, numpy.where(numpy.greater(x, high), high, x)),
  stopGradient: ({ lax }, [x]) => lax.stopGradient(x),
  where: alike((numpy, mask, a, b) => numpy.where(numpy.notEqual(mask, 0), a, b)),
} satisfies Partial<Table>;
