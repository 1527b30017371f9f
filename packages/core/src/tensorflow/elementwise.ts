import type { TensorflowTensor as T } from "./framework.ts";
import type { Kept, Table } from "./kept.ts";

/** One without attributes. */
type Plain = (kept: Kept, operands: readonly T[]) => T;

/** Elementwise operations that have the name of the primitive. */
function named(name: "add" | "sub" | "mul" | "div" | "maximum" | "minimum" | "atan2"): Plain {
  return ({ tf }, [a, b]) => tf[name](a, b);
}

function unary(name: "neg" | "abs" | "sign" | "sqrt" | "exp" | "log" | "sin" | "cos" | "relu" | "round"): Plain {
  return ({ tf }, [x]) => tf[name](x);
}

/** Primitives of one element after the other. */
export const elementwise = {
  add: named("add"),
  sub: named("sub"),
  mul: named("mul"),
  div: named("div"),
  maximum: named("maximum"),
  minimum: named("minimum"),
  atan2: named("atan2"),
  greater: ({ tf }, [a, b]) => tf.greater(a, b),
  neg: unary("neg"),
  abs: unary("abs"),
  sign: unary("sign"),
  sqrt: unary("sqrt"),
  exp: unary("exp"),
  log: unary("log"),
  // By Kahan's formula, as devices may compute log(1 + x): how much the sum was off cancels in the ratio of x to what was added.
  log1p: ({ tf }, [x]) => {
    const sum = tf.add(x, tf.scalar(1));
    const added = tf.sub(sum, tf.scalar(1));
    return tf.where(tf.equal(sum, tf.scalar(1)), x, tf.div(tf.mul(tf.log(sum), x), added));
  },
  // The same way between -1 and 1.
  expm1: ({ tf }, [x]) => {
    const power = tf.exp(x);
    const difference = tf.sub(power, tf.scalar(1));
    const small = tf.where(tf.equal(power, tf.scalar(1)), x, tf.div(tf.mul(difference, x), tf.log(power)));
    return tf.where(tf.greater(tf.abs(x), tf.scalar(1)), difference, small);
  },
  sin: unary("sin"),
  cos: unary("cos"),
  relu: unary("relu"),
  round: unary("round"),
  power: ({ tf }, [x], { exponent }) => tf.pow(x, tf.scalar(exponent)),
  clamp: ({ tf }, [x], { low, high }) => tf.clipByValue(x, low, high),
  stopGradient: (_, [x]) => x,
  where: ({ tf }, [mask, a, b]) => tf.where(mask.dtype === "bool" ? mask : tf.notEqual(mask, tf.scalar(0)), a, b),
} satisfies Partial<Table>;
