import { describe, expect, it } from "vitest";
import { differentiate } from "../../packages/core/src/graph/autodiff.ts";
import { compile } from "../../packages/core/src/graph/compile.ts";
import { buildModel } from "../../packages/core/src/graph/model.ts";
import type { ConvOptions, Ops } from "../../packages/core/src/graph/ops.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { randomTensor } from "../random.ts";

const scale = [2, -0.5, 3];
const kernel = randomTensor([32, 3, 5, 5], 2, -0.2, 0.2);
const alone = randomTensor([3, 1, 3, 3], 3, -0.2, 0.2);

/** Counts the nodes of an operation in a model: each node's kind is a string of its own, with its length before it. */
const count = (bytes: Uint8Array, opType: string) =>
  new TextDecoder("latin1").decode(bytes).split(`"${String.fromCharCode(opType.length)}${opType}`).length - 1;

const convolved = <T>(o: Ops<T>, x: T, options: ConvOptions = {}, weight = kernel) =>
  o.conv2d(o.mul(x, o.constant(scale, [1, 3, 1, 1])), o.constant(weight.data, weight.shape), options);

// Expected values: the definition on float64 arrays, which knows nothing of factors.
describe("folding a constant factor per channel into the following convolution", () => {
  it.each<[string, ConvOptions, typeof kernel]>([
    ["padded and with strides", { padding: { top: 2, bottom: 0, left: 1, right: 3 }, stride: 2 }, kernel],
    ["dilated", { dilation: 2 }, kernel],
    ["in groups, which keep the factor", { groups: 3, padding: 1 }, alone],
  ])("gives the same result, %s", async (_, options, weight) => {
    const x = randomTensor([2, 3, 13, 11], 1, -1, 1);
    const program = await compile({ x: ["n", 3, "h", "w"] }, (o, { x: image }) => ({
      y: convolved(o, image, options, weight),
      factor: o.mul(image, o.constant(scale, [1, 3, 1, 1])),
    }));
    const expected = convolved(reference, toFloat64(x), options, weight);
    const { y, factor } = await program.run({ x });
    expect(y.shape).toEqual(expected.shape);
    const largest = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const [at, value] of y.data.entries()) {
      expect(Math.abs(value - expected.data[at]) / largest).toBeLessThan(2e-6);
    }
    expect(factor.data[0]).toBeCloseTo(2 * x.data[0], 6);
  });

  it("leaves no multiplication, and shares one kernel between two convolutions", () => {
    const inputs = { a: [1, 3, 8, 8], b: [1, 3, 8, 8] } as const;
    const one = buildModel(inputs, (o, { a }) => ({ y: convolved(o, a) })).bytes;
    const both = buildModel(inputs, (o, { a, b }) => ({ y: convolved(o, a), z: convolved(o, b) })).bytes;
    expect([count(one, "Conv"), count(one, "Mul")]).toEqual([1, 0]);
    expect([count(both, "Conv"), count(both, "Mul")]).toEqual([2, 0]);
    expect(both.length - one.length).toBeLessThan(kernel.data.byteLength / 2);
  });

  it("computes a convolution once for equal kernels, even in different arrays", () => {
    const convolvedTwice = (change: number) =>
      buildModel({ x: [1, 3, 8, 8] }, (o, { x }) => {
        const other = kernel.data.slice();
        other[other.length - 1] += change;
        const [y, z] = [kernel.data, other].map((data) => o.conv2d(x, o.constant(data, kernel.shape)));
        return { y, z };
      }).bytes;
    expect(kernel.data.length).toBeGreaterThan(2048);
    expect(count(convolvedTwice(0), "Conv")).toBe(1);
    expect(count(convolvedTwice(1), "Conv")).toBe(2);
  });

  it("is not applied to a factor that is not constant", () => {
    const { bytes } = buildModel({ x: [1, 3, 8, 8] }, (o, { x }) => ({
      y: o.conv2d(o.mul(x, x), o.constant(kernel.data, kernel.shape)),
    }));
    expect(count(bytes, "Mul")).toBe(1);
  });
});

// The other way round, as a batch norm after a convolution is. Expected values: the definition in float64.
describe("folding a constant factor per channel into the preceding convolution", () => {
  const gains = randomTensor([1, 32, 1, 1], 4, -2, 2);
  const bias = randomTensor([1, 32, 1, 1], 5, -1, 1);
  const normed = <T>(o: Ops<T>, x: T, options: ConvOptions, biased: boolean) => {
    const convolved = o.conv2d(x, o.constant(kernel.data, kernel.shape), options);
    const shift = o.constant(bias.data, bias.shape);
    const scaled = o.mul(biased ? o.add(convolved, shift) : convolved, o.constant(gains.data, gains.shape));
    return o.relu(o.add(scaled, shift));
  };
  const derived = <T>(o: Ops<T>, image: T, options: ConvOptions, biased: boolean) => {
    const { value, gradients } = differentiate(o, ({ o }, [x]) => o.sum(normed(o, x, options, biased), "nchw"), [
      image,
    ]);
    return { value, gradient: gradients[0] };
  };

  it.each<[string, ConvOptions, boolean]>([
    ["padded", { padding: 2 }, false],
    ["with a stride, and with a bias before", { stride: 2, padding: { top: 2, bottom: 0, left: 1, right: 3 } }, true],
  ])(
    "keeps value and gradient, %s, without multiplications except for the slope of relu",
    async (_, options, biased) => {
      const x = randomTensor([2, 3, 13, 11], 1, -1, 1);
      const program = await compile({ x: ["n", 3, "h", "w"] }, (o, { x: image }) => derived(o, image, options, biased));
      const expected = derived(reference, toFloat64(x), options, biased);
      const found = await program.run({ x });
      for (const name of ["value", "gradient"] as const) {
        const largest = expected[name].data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        for (const [at, value] of found[name].data.entries()) {
          expect(Math.abs(value - expected[name].data[at]) / largest).toBeLessThan(2e-6);
        }
      }
      const { bytes } = buildModel({ x: [1, 3, 13, 11] }, (o, { x: image }) => ({
        y: normed(o, image, options, biased),
      }));
      expect(count(bytes, "Mul")).toBe(0);
      const withGradient = buildModel({ x: [1, 3, 13, 11] }, (o, { x: image }) => ({
        y: derived(o, image, options, biased).gradient,
      })).bytes;
      expect(count(withGradient, "Mul")).toBeLessThanOrEqual(1);
    },
  );
});
