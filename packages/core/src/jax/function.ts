import { checkFunction, checkNames, checkObject, described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { Ops } from "../graph/ops.ts";
import { JaxBackend } from "./backend.ts";
import type { Jax, JaxArray, JaxOperations } from "./framework.ts";
import { type ScopedOperations, withScopedOperations } from "./scoped-operations.ts";

/** The layout of images in arrays. */
export interface LayoutOptions {
  /** The order of the axes: channels first, as convolutions of jax-js have them, or last. Default `nchw`. */
  readonly layout?: "nchw" | "nhwc";
}

/** A function over `Ops`, of one result. */
export type ImageFunction = <T>(o: Ops<T>, inputs: readonly T[]) => T;

/** Checks what a function of this module is given besides its mathematics. */
export function layoutOf(name: string, jax: unknown, options: LayoutOptions): "nchw" | "nhwc" {
  checkObject(name, "jax", jax);
  for (const part of ["numpy", "lax"]) checkObject(name, `jax.${part}`, jax[part as never]);
  checkObject(name, "options", options);
  checkNames(name, "options", options, ["layout"]);
  const { layout = "nchw" } = options;
  if (layout === "nchw" || layout === "nhwc") return layout;
  throw new ReconlossError("invalid-argument", `${name}: layout must be nchw | nhwc, got ${described(layout)}`);
}

/** Refuses what is no array of float32: jax-js computes those of whole numbers in whole numbers. */
export function checkArray(name: string, argument: string, x: unknown): asserts x is JaxArray {
  const { shape, dtype, dispose } = (typeof x === "object" && x !== null ? x : {}) as Partial<JaxArray>;
  const refuse = (problem: string) => new ReconlossError("invalid-argument", `${name}: ${argument} must be ${problem}`);
  if (!Array.isArray(shape) || typeof dispose !== "function") throw refuse(`an array of jax-js, got ${described(x)}`);
  if (dtype !== "float32") throw refuse(`float32, got ${dtype}`);
}

/** An array as a batch: images, or one of them, vectors [n, c], a number for each image [n], or one number. */
function toBatch<A extends JaxArray>(
  { numpy }: ScopedOperations<A>,
  [name, argument]: readonly [name: string, argument: string],
  x: A,
  layout: "nchw" | "nhwc",
): A {
  checkArray(name, argument, x);
  const { shape } = x;
  if (shape.length <= 2) return numpy.reshape(x, [shape[0] ?? 1, shape[1] ?? 1, 1, 1]);
  if (shape.length > 4) {
    throw new ReconlossError("shape", `${name}: ${argument} must have at most 4 axes, got [${shape}]`);
  }
  const batch = shape.length === 3 ? numpy.reshape(x, [1, ...shape]) : x;
  return layout === "nhwc" ? numpy.transpose(batch, [0, 3, 1, 2]) : batch;
}

/**
 * Evaluates a function over `Ops` of one number at arrays, which it frees as jax-js does.
 *
 * @param given - the arrays by what errors call them
 */
export function evaluate<A extends JaxArray>(
  jax: JaxOperations<A>,
  name: string,
  given: Readonly<Record<string, A>>,
  layout: "nchw" | "nhwc",
  f: (o: Ops<A>, batches: readonly A[]) => A,
): A {
  try {
    return withScopedOperations(jax, (operations) => {
      const o = new Ops(new JaxBackend<A>(operations));
      const batches = Object.entries(given).map(([argument, x]) => toBatch(operations, [name, argument], x, layout));
      const result = f(o, batches);
      const dims = o.dims(result);
      if (dims.some((dim) => dim !== 1)) {
        throw new ReconlossError("shape", `${name}: f must give one number, got ${dims.join("x")}`);
      }
      // Times an array, without which the derivative of the result would be a number to `jit`: see `JaxBackend`.
      const { full, multiply, reshape } = operations.numpy;
      return reshape(multiply(result, full([1, 1, 1, 1], 1)), []);
    });
  } finally {
    for (const x of Object.values(given)) if (typeof x?.dispose === "function") x.dispose();
  }
}

/**
 * Makes a function over `Ops`, of one number, a pure function of jax-js arrays, for `grad`, `jit` and `vmap`: the objectives and penalties of adversarial training on logits of a model in
 * jax-js.
 *
 * Derivatives are jax-js's, by all inputs, any number of times. As jax-js has it, the function frees its arguments: `x.ref` is for those that are used again.
 *
 * @param jax - the module: `import * as jax from "@jax-js/jax"`
 * @param f - its inputs are the arrays [n, c, h, w], whichever layout they come in; vectors [n, c] are images of one pixel; its result is [1, 1, 1, 1]
 * @returns a function of as many arrays as `f` looks at, whose result has no axes
 * @throws {ReconlossError} `invalid-argument` for what is no jax-js, and by the function for what is no array of float32; `shape` for arrays of more than four axes, and where the result is more than
 * one number
 *
 * @example
 * ```ts
 * import * as jax from "@jax-js/jax";
 * import { discriminatorLoss } from "@reconloss/core";
 * import { jaxFunction } from "@reconloss/core/jax";
 * const hinge = jaxFunction(jax, (o, [onReal, onFake]) => {
 *   const { real, fake } = discriminatorLoss(o, { real: onReal, fake: onFake }, { objective: "hinge" });
 *   return o.add(real, fake);
 * });
 * const [real, fake] = [[[0.5], [2]], [[-2], [0]]].map((logits) => jax.numpy.array(logits));
 * hinge(real, fake).item(); // 0.75: (0.5 + 0) / 2 + (0 + 1) / 2
 * ```
 */
export function jaxFunction<A extends JaxArray>(
  jax: Jax<A>,
  f: ImageFunction,
  options: LayoutOptions = {},
): (...inputs: A[]) => A {
  const layout = layoutOf("jaxFunction", jax, options);
  checkFunction("jaxFunction", "f", f);
  return (...inputs) => {
    if (inputs.length === 0) throw new ReconlossError("invalid-argument", "jaxFunction: got no array");
    const given = Object.fromEntries(inputs.map((x, place) => [`input ${place}`, x]));
    return evaluate<A>(jax, "jaxFunction", given, layout, f);
  };
}
