import * as jax from "@jax-js/jax";
import { describe, expect, test } from "vitest";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { differentiate } from "../../packages/core/src/graph/autodiff.ts";
import type { Ops } from "../../packages/core/src/graph/ops.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { jaxFunction, jaxLoss } from "../../packages/core/src/jax/index.ts";
import { defineLoss } from "../../packages/core/src/losses/loss.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { gan } from "../../packages/core/src/train/index.ts";
import { randomTensor } from "../random.ts";

const { numpy: np } = jax;

function toJax({ data, shape }: Tensor): jax.Array {
  return np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape] });
}

/** The largest difference, as part of the largest number expected. */
function error(got: jax.Array, expected: ArrayLike<number>): number {
  const largest = Array.from(expected).reduce((max, x) => Math.max(max, Math.abs(x)), 1e-12);
  const numbers: ArrayLike<number> = got.dataSync();
  return Array.from(numbers).reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i])), 0) / largest;
}

const [output, target] = [1, 2].map((seed) => randomTensor([2, 3, 16, 12], seed, 0.1, 0.9));

/** Value and gradient of a loss that is better lower, by the float64 reference. */
function expected(spec: string, weight?: Tensor) {
  const { definition } = parseLoss(spec);
  if (!definition) throw new Error(`${spec} has no definition`);
  const images = { output: toFloat64(output), target: toFloat64(target), weight: weight && toFloat64(weight) };
  const { value, grad } = evaluateDefinition(reference, definition, images, { grad: true });
  return { value: value.data, grad: grad?.data ?? [] };
}

describe("memory", () => {
  test("a loss frees its arguments and all intermediate arrays", () => {
    const made: jax.Array[] = [];
    const watched = <O extends object>(operations: O): O =>
      new Proxy(operations, {
        get: (all, name) => {
          const f = all[name as keyof O] as (...operands: unknown[]) => jax.Array | jax.Array[];
          return (...operands: unknown[]) => {
            const result = f(...operands);
            made.push(...[result].flat());
            return result;
          };
        },
      });
    const watching = { ...jax, numpy: watched(np), lax: watched(jax.lax) } as typeof jax;
    const loss = jaxLoss(watching, parseLoss("l1 + 0.1*ssim + 0.01*tv"));
    const given = [output, target].map(toJax);
    const result = loss(given[0], given[1]);
    expect(made.length).toBeGreaterThan(100);
    expect([...made, ...given].filter((x) => x !== result && x.refCount > 0)).toEqual([]);
    expect(result.refCount).toBe(1);
    expect(result.shape).toEqual([]);
  });

  test("frees its arguments if the loss rejects them", () => {
    const given = [toJax(output), toJax(randomTensor([2, 3, 8, 8], 1))];
    expect(() => jaxLoss(jax, parseLoss("l1"))(given[0], given[1])).toThrow(
      /output is 2x3x16x12 but target is 2x3x8x8/,
    );
    expect(given.map((x) => x.refCount)).toEqual([0, 0]);
  });

  test.each(["eager", "in jit"])("gradients leak no arrays, %s", (way) => {
    const loss = jaxLoss(jax, parseLoss("l1 + 0.1*ssim + 0.01*tv"));
    const f = way === "eager" ? jax.valueAndGrad(loss) : jax.jit(jax.valueAndGrad(loss));
    const [y, x] = [target, output].map(toJax);
    const owners = [y, x].map((array) => array.refCount);
    for (let i = 0; i < 3; i++) for (const array of f(x.ref, y.ref) as jax.Array[]) array.dataSync();
    expect([y, x].map((array) => array.refCount)).toEqual(owners);
  });
});

describe("transformations", () => {
  test("jit, grad and valueAndGrad equal the reference", () => {
    const spec = "l1 + 0.1*ssim(size=5) + 0.01*tv";
    const { value, grad } = expected(spec);
    const loss = jaxLoss(jax, parseLoss(spec));
    for (const f of [jax.valueAndGrad(loss), jax.jit(jax.valueAndGrad(loss)), jax.valueAndGrad(jax.jit(loss))]) {
      const [got, gradient] = f(toJax(output), toJax(target)) as jax.Array[];
      expect(error(got, value)).toBeLessThan(1e-5);
      expect(error(gradient, grad)).toBeLessThan(1e-5);
    }
    expect(error(jax.grad(loss)(toJax(output), toJax(target)) as jax.Array, grad)).toBeLessThan(1e-5);
  });

  test("vmap over a batch gives each image's value and gradient", () => {
    const loss = jaxLoss(jax, parseLoss("mse"));
    const each = jax.vmap(loss)(toJax(output), toJax(target)) as jax.Array;
    const { definition } = parseLoss("mse");
    const images = { output: toFloat64(output), target: toFloat64(target) };
    const { perImage } = evaluateDefinition(reference, definition as NonNullable<typeof definition>, images, {});
    expect(each.shape).toEqual([2]);
    expect(error(each, perImage.data)).toBeLessThan(1e-5);
    const gradients = jax.vmap(jax.grad(loss))(toJax(output), toJax(target)) as jax.Array;
    // Of the mean over two images, half of each.
    expect(error(gradients.mul(0.5), expected("mse").grad)).toBeLessThan(1e-5);
  });

  test("the Hessian of a squared error is 2 / N, as defined", () => {
    const loss = jaxLoss(jax, parseLoss("mse"));
    const side = toJax(Tensor.full([1, 1, 2, 2], 0.25));
    const hessian = jax.hessian((x: jax.Array) => loss(x.reshape([1, 1, 2, 2]), side.ref))(np.zeros([4])) as jax.Array;
    expect(hessian.js()).toEqual([0, 1, 2, 3].map((row) => [0, 1, 2, 3].map((column) => (row === column ? 0.5 : 0))));
  });

  test("differentiates with respect to target and weight: l1's gradient is the negative of the output's", () => {
    const loss = jaxLoss(jax, parseLoss("l1"));
    const gradients = jax.grad(loss, { argnums: [0, 1] })(toJax(output), toJax(target)) as unknown as jax.Array[];
    expect(error(gradients[1].neg(), gradients[0].dataSync())).toBeLessThan(1e-6);
  });
});

describe("images", () => {
  test("in NHWC give the same as in NCHW", () => {
    const spec = "ssim(size=5)";
    const last = (x: Tensor) => toJax(x).transpose([0, 2, 3, 1]);
    const [first, second] = [
      jax.valueAndGrad(jaxLoss(jax, parseLoss(spec)))(toJax(output), toJax(target)),
      jax.valueAndGrad(jaxLoss(jax, parseLoss(spec), { layout: "nhwc" }))(last(output), last(target)),
    ] as jax.Array[][];
    expect(error(second[0], first[0].dataSync())).toBeLessThan(1e-6);
    expect(error(second[1].transpose([0, 3, 1, 2]), first[1].dataSync())).toBeLessThan(1e-6);
  });

  test("accept pixel weights", () => {
    const weight = randomTensor([1, 1, 16, 12], 5);
    const { value, grad } = expected("l1 + tv", weight);
    const loss = jaxLoss(jax, parseLoss("l1 + tv"));
    const [got, gradient] = jax.valueAndGrad(loss)(toJax(output), toJax(target), toJax(weight)) as jax.Array[];
    expect(error(got, value)).toBeLessThan(1e-5);
    expect(error(gradient, grad)).toBeLessThan(1e-5);
  });

  test("a prior needs no target", () => {
    const loss = jaxLoss(jax, parseLoss("tv"));
    const [alone, compared] = [loss(toJax(output)), loss(toJax(output), toJax(target))].map((x) => x.item());
    expect(alone).toBe(compared);
  });
});

describe("subgradients at ties equal the reference", () => {
  // What `derivatives.ts` says: half each at a tie of two, shared by all that are largest, none inside an absolute value or a sign at 0, all of it at the ends of a range.
  const cases: Record<string, [f: <T>(o: Ops<T>, x: T) => T, x: number[], gradient: number[]]> = {
    "maximum of equals": [(o, x) => o.maximum(x, 1), [1, 0, 2], [0.5, 0, 1]],
    "minimum of equals": [(o, x) => o.minimum(x, 1), [1, 0, 2], [0.5, 1, 0]],
    "abs at 0": [(o, x) => o.abs(x), [0, -1, 2], [0, -1, 1]],
    "sign at 0": [(o, x) => o.sign(x), [0, -1, 2], [0, 0, 0]],
    "relu at 0": [(o, x) => o.relu(x), [0, -1, 2], [0, 0, 1]],
    "the ends of clamp": [(o, x) => o.clamp(x, 0, 1), [0, 1, 2], [1, 1, 0]],
    "max of equals": [(o, x) => o.max(x, "w"), [1, 1, 0], [0.5, 0.5, 0]],
    "the second smallest of equals": [(o, x) => o.kthSmallest(x, 2), [1, 1, 3], [0.5, 0.5, 0]],
    "maxPool of equals": [(o, x) => o.maxPool(x, [1, 3]), [1, 1, 0], [1, 0, 0]],
    "root at 0": [(o, x) => o.root(x), [0, 0.25, 1], [0, 1, 0.5]],
    "a power at 0": [(o, x) => o.power(x, 1.5), [0, 1, 4], [0, 1.5, 3]],
    "the angle of the origin": [(o, x) => o.atan2(x, o.mul(x, 0)), [0, 0, 0], [0, 0, 0]],
  };

  test.each(Object.entries(cases))("%s", (_, [f, x, gradient]) => {
    const sum = <T>(o: Ops<T>, x: T) => o.sum(f(o, x), "nchw");
    const at = Tensor.from(x, [1, 1, 1, x.length]);
    const { gradients } = differentiate(reference, ({ o }, [x]) => sum(o, x), [toFloat64(at)]);
    expect([...gradients[0].data]).toEqual(gradient);
    const inJax = jaxFunction(jax, (o, [x]) => sum(o, x));
    for (const differentiated of [jax.grad(inJax), jax.jit(jax.grad(inJax))]) {
      const got = Array.from((differentiated(toJax(at)) as jax.Array).dataSync());
      for (const [i, value] of got.entries()) expect(value).toBeCloseTo(gradient[i], 5);
    }
  });
});

/** Operations that jax-js 0.1.25 computes wrongly by itself, in which ours must agree with the reference. */
describe("works around bugs of jit:", () => {
  const cases: Record<string, <T>(o: Ops<T>, x: T) => T> = {
    "a number repeated and padded": (o, x) =>
      o.mul(o.padWith(o.expand(o.scalar(2), x), 1, "zero"), o.padWith(x, 1, "zero")),
    "the gradient of a padded sum": (o, x) => o.sub(o.crop(x, 1), o.slice(o.slice(x, "h", 0, -2), "w", 0, -2)),
    "sums over channels of products with what is repeated": (o, x) => {
      const plane = o.channel(x, 0);
      return o.sum(o.mul(o.mul(x, plane), o.channel(x, 1)), "c");
    },
    "sums over images of products with what is repeated": (o, x) => o.sum(o.mul(x, o.slice(x, "n", 0, 1)), "n"),
  };

  test.each(Object.entries(cases))("%s", (_, f) => {
    for (const shape of [
      [2, 3, 4, 8],
      [3, 4, 5, 4],
      [2, 2, 6, 6],
    ] as const) {
      const x = randomTensor(shape, 3);
      const number = <T>(o: Ops<T>, x: T) => o.sum(f(o, x), "nchw");
      const { value, gradients } = differentiate(reference, ({ o }, [x]) => number(o, x), [toFloat64(x)]);
      const inJax = jax.jit(jax.valueAndGrad(jaxFunction(jax, (o, [x]) => number(o, x))));
      const [got, gradient] = inJax(toJax(x)) as jax.Array[];
      expect(error(got, value.data)).toBeLessThan(1e-5);
      expect(error(gradient, gradients[0].data)).toBeLessThan(1e-5);
    }
  });
});

test("a constant below float32's range still guards a division", () => {
  const guarded = jaxFunction(jax, (o, [x]) => o.div(x, o.add(x, 1e-300)));
  expect(guarded(np.array(0)).item()).toBe(0);
});

describe("rejects by name", () => {
  test("losses that learn, start later or average first", () => {
    expect(() => jaxLoss(jax, gan({ features: 4 }))).toThrow(
      /gan.* trains a discriminator beside the model; use jaxFunction/,
    );
    expect(() => jaxLoss(jax, parseLoss("l1 + 0.1*ssim@100"))).toThrow(/counts the steps of a trainer \(ssim\)/);
    const averaged = parseLoss("l1 + psnr(pooling=dataset)");
    expect(() => jaxLoss(jax, averaged)).toThrow(/l1 \+ psnr\(pooling=dataset\) has a term that is averaged before/);
  });

  test("a loss that is not loaded, or failed to load", async () => {
    let fail = () => {};
    const slow = defineLoss({
      name: "slow",
      summary: "a loss that is loaded when the test says so",
      better: "lower",
      source: "this test",
      options: {},
      define: () => ({
        prepare: () =>
          new Promise<void>((_, reject) => {
            fail = () => reject(new Error("no weights here"));
          }),
        score: (o, { output }) => o.mean(output, "chw"),
      }),
    });
    const loss = jaxLoss(jax, slow());
    expect(() => loss(toJax(output), toJax(target))).toThrow(/slow: weights are not loaded yet; await ready before/);
    fail();
    await expect(loss.ready).rejects.toThrow("no weights here");
    expect(() => loss(toJax(output), toJax(target))).toThrow("no weights here");
  });

  test("arguments that are not arrays, a missing target, and invalid images", () => {
    const loss = jaxLoss(jax, parseLoss("l1"));
    expect(() => loss(output as never, toJax(target))).toThrow(/l1: output must be an array of jax-js, got an object/);
    expect(() => loss(toJax(output))).toThrow(/l1: target must be an array of jax-js, got undefined/);
    expect(() => loss(undefined as never)).toThrow(/l1: output must be an array of jax-js, got undefined/);
    expect(() => loss(np.zeros([1, 1, 1, 2, 2]), toJax(target))).toThrow(/output must have at most 4 axes/);
    const small = [1, 2].map((seed) => toJax(randomTensor([1, 3, 4, 4], seed)));
    expect(() => jaxLoss(jax, parseLoss("ssim"))(small[0], small[1])).toThrow(/ssim: output is 1x3x4x4, .*11/);
    const none = () => np.zeros([0, 3, 4, 4]);
    expect(() => loss(none(), none())).toThrow("l1: output is 0x3x4x4, but no axis may be empty");
    const whole = np.ones([1, 1, 2, 2], { dtype: jax.DType.Int32 });
    expect(() => loss(whole, np.zeros([1, 1, 2, 2]))).toThrow("l1: output must be float32, got int32");
    const weight = toJax(randomTensor([2, 2, 16, 12], 1));
    expect(() => loss(toJax(output), toJax(target), weight)).toThrow(/weight must have the shape of output, 2x3x16x12/);
    expect(() => jaxFunction(jax, (_, [x]) => x)(toJax(output))).toThrow(/f must give one number, got 2x3x16x12/);
  });
});
