import { describe, expect, test } from "vitest";
import { differentiate, type Traced, type Tracing } from "../../packages/core/src/graph/autodiff.ts";
import { compile } from "../../packages/core/src/graph/compile.ts";
import type { Ops } from "../../packages/core/src/graph/ops.ts";
import type { InputDims } from "../../packages/core/src/graph/program.ts";
import { type Float64Image, reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { randomTensor } from "../random.ts";

/**
 * Every operation on both backends. The reference backend's derivatives are checked against central finite differences of its own
 * values, first and second order; ONNX Runtime is checked against the reference backend.
 */
interface Case {
  f: <T>(o: Ops<T>, x: T[]) => T;
  /** Shapes of the inputs, for two runs of one compiled program; default: one image. */
  shapes?: readonly (readonly Shape[])[];
  /** Range of the random inputs; default [-1, 1]. */
  range?: readonly [number, number];
  /** Inputs whose shape is written into the program, such as weights. */
  fixed?: readonly number[];
  /** Not differentiable, or not twice. */
  order?: 0 | 1 | 2;
}

const images: Case["shapes"] = [[[2, 3, 7, 6]], [[1, 3, 9, 8]]];
const two: Case["shapes"] = [
  [
    [2, 3, 5, 4],
    [2, 3, 5, 4],
  ],
  [
    [1, 3, 6, 7],
    [1, 3, 6, 7],
  ],
];
const scaled: Case["shapes"] = [
  [
    [2, 3, 5, 4],
    [1, 3, 1, 1],
  ],
  [
    [2, 3, 3, 2],
    [1, 3, 1, 1],
  ],
];
const withWeight = (weight: Shape, channels = 4): Case["shapes"] => [
  [[2, channels, 9, 8], weight],
  [[1, channels, 12, 11], weight],
];

const cases: Record<string, Case> = {
  add: { f: (o, [a, b]) => o.add(a, b), shapes: two },
  "add, broadcast": { f: (o, [a, b]) => o.square(o.add(a, b)), shapes: scaled, fixed: [1] },
  sub: { f: (o, [a, b]) => o.sub(a, b), shapes: two },
  mul: { f: (o, [a, b]) => o.mul(a, b), shapes: two },
  "mul, broadcast": { f: (o, [a, b]) => o.mul(a, b), shapes: scaled, fixed: [1] },
  div: { f: (o, [a, b]) => o.div(a, b), shapes: two, range: [0.5, 1.5] },
  "div, broadcast": { f: (o, [a, b]) => o.div(a, b), shapes: scaled, fixed: [1], range: [0.5, 1.5] },
  maximum: { f: (o, [a, b]) => o.square(o.maximum(a, b)), shapes: two },
  minimum: { f: (o, [a, b]) => o.square(o.minimum(a, b)), shapes: two },
  atan2: { f: (o, [a, b]) => o.atan2(a, b), shapes: two },
  greater: { f: (o, [a, b]) => o.greater(a, b), shapes: two, order: 0 },
  neg: { f: (o, [x]) => o.neg(x) },
  abs: { f: (o, [x]) => o.abs(x) },
  sign: { f: (o, [x]) => o.sign(x), order: 0 },
  sqrt: { f: (o, [x]) => o.sqrt(x), range: [0.2, 2] },
  root: { f: (o, [x]) => o.root(x), range: [0.2, 2] },
  exp: { f: (o, [x]) => o.exp(x) },
  log: { f: (o, [x]) => o.log(x), range: [0.2, 2] },
  log1p: { f: (o, [x]) => o.log1p(x), range: [-0.5, 2] },
  "log1p of small numbers": { f: (o, [x]) => o.mul(o.log1p(o.mul(x, 1e-6)), 1e6) },
  expm1: { f: (o, [x]) => o.expm1(x), range: [-4, 4] },
  "expm1 of small numbers": { f: (o, [x]) => o.mul(o.expm1(o.mul(x, 1e-6)), 1e6) },
  sin: { f: (o, [x]) => o.sin(x), range: [-4, 4] },
  cos: { f: (o, [x]) => o.cos(x), range: [-4, 4] },
  relu: { f: (o, [x]) => o.relu(x) },
  round: { f: (o, [x]) => o.round(x), range: [-3, 3], order: 0 },
  square: { f: (o, [x]) => o.square(x) },
  "power 2.4": { f: (o, [x]) => o.power(x, 2.4), range: [0.2, 2] },
  "power 1/3": { f: (o, [x]) => o.power(x, 1 / 3), range: [0.2, 2] },
  clamp: { f: (o, [x]) => o.square(o.clamp(x, -0.5, 0.25)) },
  where: { f: (o, [a, b]) => o.where(o.greater(a, b), o.square(a), o.exp(b)), shapes: two },
  "where, a number as mask": { f: (o, [a, b]) => o.where(o.round(a), b, 2), shapes: two },
  "sum chw": { f: (o, [x]) => o.square(o.sum(x, "chw")) },
  "sum c": { f: (o, [x]) => o.square(o.sum(x, "c")) },
  "sum n": { f: (o, [x]) => o.square(o.sum(x, "n")) },
  "mean nchw": { f: (o, [x]) => o.square(o.mean(x, "nchw")) },
  "mean hw": { f: (o, [x]) => o.sub(x, o.mean(x, "hw")) },
  "log of a mean": { f: (o, [x]) => o.log(o.mean(o.square(x), "chw")) },
  "max hw": { f: (o, [x]) => o.sub(o.square(x), o.square(o.max(o.sin(x), "hw"))) },
  kthSmallest: { f: (o, [x]) => o.sub(o.square(x), o.square(o.kthSmallest(o.sin(x), 3))) },
  "max nchw": { f: (o, [x]) => o.mul(x, o.exp(o.max(x, "nchw"))) },
  size: { f: (o, [x]) => o.div(o.square(x), o.size(x, "nhw")) },
  expand: { f: (o, [x]) => o.square(o.expand(o.mean(x, "hw"), x)) },
  slice: { f: (o, [x]) => o.slice(x, "h", 1, -2) },
  "slice, from the end": { f: (o, [x]) => o.slice(x, "w", -3) },
  "slice, step 2": { f: (o, [x]) => o.slice(x, "w", 1, undefined, 2) },
  flip: { f: (o, [x]) => o.mul(o.flip(x, "h"), o.flip(x, "c")) },
  channel: { f: (o, [x]) => o.square(o.channel(x, 2)) },
  crop: { f: (o, [x]) => o.crop(x, 2) },
  embed: { f: (o, [x]) => o.embed(o.slice(x, "h", 1, 3), x, "h", -3, -1) },
  "embed, step 2": { f: (o, [x]) => o.embed(o.slice(x, "w", 0, undefined, 2), x, "w", 0, undefined, 2) },
  pad: { f: (o, [x]) => o.pad(x, { top: 1, bottom: 0, left: 2, right: 3 }) },
  "pad reflect": { f: (o, [x]) => o.square(o.padWith(x, 3, "reflect")) },
  "pad replicate": { f: (o, [x]) => o.square(o.padWith(x, { top: 0, bottom: 2, left: 1, right: 3 }, "replicate")) },
  "pad circular": {
    f: (o, [x]) => o.square(o.padWith(x, { top: 0, bottom: 2, left: 1, right: 3 }, "circular")),
  },
  "pad symmetric": { f: (o, [x]) => o.square(o.padWith(x, [2, 3], "symmetric")) },
  concat: { f: (o, [a, b]) => o.square(o.concat([a, b, a])), shapes: two },
  depthToSpace: { f: (o, [x]) => o.square(o.depthToSpace(x, 2)), shapes: [[[2, 8, 3, 2]], [[1, 8, 2, 4]]] },
  spaceToDepth: { f: (o, [x]) => o.square(o.spaceToDepth(x, 3)), shapes: [[[2, 2, 3, 6]], [[1, 2, 6, 3]]] },
  conv2d: { f: (o, [x, k]) => o.conv2d(x, k), shapes: withWeight([5, 4, 3, 3]), fixed: [1] },
  "conv2d, padding": { f: (o, [x, k]) => o.conv2d(x, k, { padding: 1 }), shapes: withWeight([5, 4, 3, 3]), fixed: [1] },
  "conv2d, stride 2": {
    f: (o, [x, k]) => o.conv2d(x, k, { stride: 2, padding: 1 }),
    shapes: withWeight([5, 4, 4, 3]),
    fixed: [1],
  },
  "conv2d, stride 3 without padding": {
    f: (o, [x, k]) => o.conv2d(x, k, { stride: 3 }),
    shapes: withWeight([2, 4, 2, 2]),
    fixed: [1],
  },
  "conv2d, stride 4 padding 2 kernel 5": {
    f: (o, [x, k]) => o.conv2d(x, k, { stride: 4, padding: 2 }),
    shapes: withWeight([2, 4, 5, 5]),
    fixed: [1],
  },
  "conv2d, dilation": {
    f: (o, [x, k]) => o.conv2d(x, k, { dilation: [2, 1], padding: 2 }),
    shapes: withWeight([3, 4, 3, 3]),
    fixed: [1],
  },
  "conv2d, wide padding": {
    f: (o, [x, k]) => o.conv2d(x, k, { padding: 3 }),
    shapes: withWeight([2, 4, 2, 2]),
    fixed: [1],
  },
  "conv2d, groups": {
    f: (o, [x, k]) => o.conv2d(x, k, { groups: 2, padding: 1 }),
    shapes: withWeight([6, 2, 3, 3]),
    fixed: [1],
  },
  "conv2d, depthwise stride 2": {
    f: (o, [x, k]) => o.conv2d(x, k, { groups: 4, stride: 2 }),
    shapes: withWeight([4, 1, 3, 3]),
    fixed: [1],
  },
  "conv2d, row kernel": {
    f: (o, [x, k]) => o.conv2d(x, k, { groups: 4 }),
    shapes: withWeight([4, 1, 1, 5]),
    fixed: [1],
  },
  convInput: {
    f: (o, [x, k]) => o.convInput(o.conv2d(x, k, { stride: 2, padding: 1 }), k, x, { stride: 2, padding: 1 }),
    shapes: withWeight([3, 4, 3, 3]),
    fixed: [1],
  },
  convWeight: {
    f: (o, [x, k]) => o.mul(o.convWeight(x, o.square(o.conv2d(x, k, { padding: 1 })), [3, 3], { padding: 1 }), 0.01),
    shapes: withWeight([3, 4, 3, 3]),
    fixed: [1],
  },
  "maxPool 2": { f: (o, [x]) => o.maxPool(o.exp(x), 2) },
  "maxPool 3, stride 2": { f: (o, [x]) => o.maxPool(o.exp(x), 3, { stride: 2 }) },
  "maxPool 3, stride 2, padding 1": { f: (o, [x]) => o.maxPool(o.exp(x), 3, { stride: 2, padding: 1 }) },
  "maxPool 3, stride 2, ceilMode": { f: (o, [x]) => o.maxPool(o.exp(x), 3, { stride: 2, ceilMode: true }) },
  "maxPool 3, stride 1, padding 1": { f: (o, [x]) => o.maxPool(o.exp(x), 3, { stride: 1, padding: 1 }) },
  "avgPool 2": { f: (o, [x]) => o.avgPool(o.exp(x), 2) },
  "avgPool 3, stride 1, padding 1": { f: (o, [x]) => o.avgPool(o.exp(x), 3, { stride: 1, padding: 1 }) },
  "avgPool, padding not counted": {
    f: (o, [x]) => o.avgPool(o.exp(x), 3, { stride: 2, padding: 1, countIncludePad: false }),
  },
  "avgPool, ceilMode": { f: (o, [x]) => o.avgPool(o.exp(x), 2, { ceilMode: true }) },
  gram: { f: (o, [a, b]) => o.gram(a, o.slice(b, "c", 1)), shapes: two },
  mix: { f: (o, [a, b]) => o.mix(o.gram(a, o.channel(a, 0)), o.channel(b, 1)), shapes: two },
  matmul: { f: (o, [a, b]) => o.matmul(o.slice(a, "w", 0, 3), o.slice(b, "h", 0, 3)), shapes: two },
  "matmul, transposed": {
    f: (o, [a, b]) => o.matmul(o.matmul(o.sin(a), b, { transposeA: true }), a, { transposeB: true }),
    shapes: two,
  },
  "matmul, both transposed": {
    f: (o, [a, b]) => o.matmul(a, o.matmul(o.sin(a), b, { transposeB: true }), { transposeA: true, transposeB: true }),
    shapes: two,
  },
  "matmul, broadcast": {
    f: (o, [a, b]) => o.matmul(o.square(b), o.slice(a, "c", 0, 1), { transposeA: true }),
    shapes: two,
  },
  "mix, transposed": { f: (o, [a, b]) => o.mix(o.gram(a, o.channel(b, 0)), b, true), shapes: two },
  "rows of every pixel's products with the others": {
    f: (o, [a, b]) => o.exp(o.mix(o.toRows(a), o.square(b))),
    shapes: [
      [
        [2, 3, 3, 2],
        [2, 3, 2, 4],
      ],
      [
        [1, 3, 2, 5],
        [1, 3, 3, 1],
      ],
    ],
  },
  toRows: { f: (o, [x]) => o.square(o.toRows(x)) },
  "fromRows, in another shape": {
    f: (o, [x, like]) => o.square(o.add(o.fromRows(o.square(o.toRows(x)), like), like)),
    shapes: [
      [
        [2, 3, 2, 4],
        [2, 1, 4, 2],
      ],
      [
        [1, 3, 3, 2],
        [1, 1, 1, 6],
      ],
    ],
  },
  "resize up": { f: (o, [x]) => o.resize(o.exp(x), o.padWith(x, 3, "zero")) },
  "resize down": { f: (o, [x]) => o.resize(o.exp(x), o.crop(x, 1)) },
  "resize, aligned corners": { f: (o, [x]) => o.resize(o.exp(x), o.padWith(x, 2, "zero"), { alignCorners: true }) },
  fft: { f: (o, [x]) => o.square(o.fft(x)), shapes: [[[2, 2, 7, 6]], [[1, 2, 6, 5]]] },
  "fft, adjoint": {
    f: (o, [x]) => o.backend.run("fftAdjoint", [o.square(o.fft(x)), x], {}),
    shapes: [[[2, 2, 3, 5]], [[1, 2, 1, 2]]],
  },
  "resize, nearest": { f: (o, [x]) => o.resize(o.exp(x), o.padWith(x, 2, "zero"), { mode: "nearest" }) },
};

/** A number that depends on every element of x differently, so that no two errors cancel. */
function probe<T>(o: Ops<T>, x: T, phase: number): T {
  const ones = o.expand(o.scalar(1), x);
  const rows = o.add(o.mul(o.sin(o.mul(x, 0.7)), 0.3), o.mul(x, 1.1 + phase));
  return o.sum(o.mul(rows, ones), "nchw");
}

function first<T>(o: Ops<T>, f: Case["f"], inputs: readonly T[]): T[] {
  return differentiate(o, ({ o }: Tracing<T>, x) => probe(o, f(o, x), 0), inputs).gradients;
}

function second<T>(o: Ops<T>, f: Case["f"], inputs: readonly T[]): T[] {
  const total = ({ o }: Tracing<T>, x: Traced<T>[]): Traced<T> =>
    first(o, f, x)
      .map((gradient, index) => probe(o, o.sin(gradient), index))
      .reduce((a, b) => o.add(a, b));
  return differentiate(o, total, inputs).gradients;
}

/** Fourth-order central differences of a number with respect to some of the elements of one input. */
function finiteDifferences(
  f: (inputs: Float64Image[]) => number,
  inputs: readonly Float64Image[],
  index: number,
): Map<number, number> {
  const step = 1e-4;
  const count = inputs[index].data.length;
  const picked = Array.from({ length: Math.min(count, 12) }, (_, i) => Math.floor((i * count) / Math.min(count, 12)));
  return new Map(
    picked.map((position) => {
      const shifted = (by: number) => {
        const data = inputs[index].data.slice();
        data[position] += by;
        return f(inputs.map((input, i) => (i === index ? { ...input, data } : input)));
      };
      const near = shifted(step) - shifted(-step);
      const far = shifted(2 * step) - shifted(-2 * step);
      return [position, (8 * near - far) / (12 * step)];
    }),
  );
}

function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(got.length).toBe(expected.length);
  const scale = Array.from(expected).reduce((max, value) => Math.max(max, Math.abs(value)), 1e-3);
  const error = Array.from(got).reduce((max, value, i) => Math.max(max, Math.abs(value - expected[i])), 0);
  expect(error / scale).toBeLessThan(tolerance);
}

const number = (x: Float64Image) => x.data[0];

describe.each(Object.entries(cases))("%s", (_, { f, shapes = images, range = [-1, 1], fixed = [], order = 2 }) => {
  const runs = shapes!.map((run) => run.map((shape, i) => randomTensor(shape, 17 + i, ...range)));

  test.runIf(order > 0)("derivatives equal finite differences", () => {
    const inputs = runs[0].map(toFloat64);
    const check = (gradients: Float64Image[], value: (inputs: Float64Image[]) => number) =>
      gradients.forEach((gradient, index) => {
        expect(gradient.shape).toEqual(inputs[index].shape);
        const differences = finiteDifferences(value, inputs, index);
        const got = [...differences.keys()].map((position) => gradient.data[position]);
        expectClose(got, [...differences.values()], 1e-5);
      });
    check(first(reference, f, inputs), (x) => number(probe(reference, f(reference, x), 0)));
    if (order < 2) return;
    check(second(reference, f, inputs), (x) =>
      first(reference, f, x)
        .map((gradient, index) => number(probe(reference, reference.sin(gradient), index)))
        .reduce((a, b) => a + b),
    );
  });

  test("ONNX Runtime equals the reference, at two sizes", async () => {
    const dims = runs[0].map(({ shape }, i): InputDims => (fixed.includes(i) ? shape : ["n", shape[1], "h", "w"]));
    const names = dims.map((_, i) => `x${i}`);
    const all = <T>(o: Ops<T>, x: T[]): Record<string, T> => {
      const outputs: Record<string, T> = { value: f(o, x) };
      if (order > 0) for (const [i, gradient] of first(o, f, x).entries()) outputs[`first${i}`] = gradient;
      if (order > 1) for (const [i, gradient] of second(o, f, x).entries()) outputs[`second${i}`] = gradient;
      return outputs;
    };
    const program = await compile<string, string>(Object.fromEntries(names.map((name, i) => [name, dims[i]])), (o, x) =>
      all(
        o,
        names.map((name) => x[name]),
      ),
    );
    for (const inputs of runs) {
      const feeds: Record<string, Tensor> = Object.fromEntries(inputs.map((input, i) => [names[i], input]));
      const got = await program.run(feeds);
      for (const [name, expected] of Object.entries(all(reference, inputs.map(toFloat64)))) {
        expect(got[name].shape, name).toEqual(expected.shape);
        expectClose(got[name].data, expected.data, name.startsWith("second") ? 1e-4 : 1e-5);
      }
    }
  });
});

test("depthToSpace has PyTorch's order of channels", () => {
  // torch.pixel_shuffle(torch.arange(8.).view(1, 8, 1, 1), 2).flatten() is 0..7: each four channels are one block of pixels.
  const x = toFloat64(Tensor.from([0, 1, 2, 3, 4, 5, 6, 7], [1, 8, 1, 1]));
  const blocks = reference.depthToSpace(x, 2);
  expect(blocks.shape).toEqual([1, 2, 2, 2]);
  expect([...blocks.data]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect([...reference.spaceToDepth(blocks, 2).data]).toEqual([...x.data]);
});

describe("fft", () => {
  test("has the values of numpy.fft.rfft2", () => {
    // numpy.fft.rfft2([[1, 2, 0, 4], [3, 5, 7, 6], [0, 1, 2, 8]])
    const x = toFloat64(Tensor.from([1, 2, 0, 4, 3, 5, 7, 6, 0, 1, 2, 8], [1, 1, 3, 4]));
    const { data, shape } = reference.fft(x);
    expect(shape).toEqual([1, 2, 3, 3]);
    const numpy = [
      39.0, -5.0, -13.0, -9.0, -1.196152422706632, -1.0, -9.0, 9.196152422706632, -1.0, 0.0, 10.0, 0.0,
      -8.660254037844386, -0.2679491924311228, -5.196152422706632, 8.660254037844386, -3.732050807568877,
      5.196152422706632,
    ];
    for (const [i, value] of numpy.entries()) expect(data[i]).toBeCloseTo(value, 12);
  });

  test.each([
    [1, 1],
    [1, 7],
    [13, 1],
    [2, 3],
    [31, 37],
    [9, 35],
    [50, 22],
    [64, 48],
  ])(
    "of %i x %i pixels, products of two factors and primes, equals the reference to float32's rounding",
    async (h, w) => {
      const image = randomTensor([2, 3, h, w], 5);
      const program = await compile({ x: ["n", 3, "h", "w"] }, (o, { x }) => {
        const spectrum = o.fft(x);
        return { spectrum, back: o.backend.run("fftAdjoint", [spectrum, x], {}) };
      });
      const got = await program.run({ x: image });
      const spectrum = reference.fft(toFloat64(image));
      expect(got.spectrum.shape).toEqual(spectrum.shape);
      expectClose(got.spectrum.data, spectrum.data, 2e-6);
      expectClose(got.back.data, reference.backend.run("fftAdjoint", [spectrum, toFloat64(image)], {}).data, 2e-6);
    },
  );

  // Where half of a size is among the frequencies depends on which of its two factors are even.
  test.each([
    [6, 10],
    [12, 16],
    [20, 30],
    [18, 14],
  ])("imaginary parts that are 0 whatever the image are exactly 0: %i x %i", async (h, w) => {
    const image = randomTensor([1, 1, h, w], 3);
    const program = await compile({ x: ["n", 1, "h", "w"] }, (o, { x }) => ({ y: o.fft(x) }));
    for (const { data } of [(await program.run({ x: image })).y, reference.fft(toFloat64(image))]) {
      const columns = w / 2 + 1;
      for (const row of [0, h / 2]) {
        for (const column of [0, w / 2]) expect(Math.abs(data[(h + row) * columns + column])).toBe(0);
      }
    }
  });

  test("flat planes have no coefficients but the first, each plane of a batch its own", async () => {
    const image = Tensor.from(
      Array.from({ length: 6 * 120 }, (_, i) => 0.1 * (1 + Math.floor(i / 120))),
      [2, 3, 10, 12],
    );
    const program = await compile({ x: ["n", 3, "h", "w"] }, (o, { x }) => ({ y: o.fft(x) }));
    const { data } = (await program.run({ x: image })).y;
    const plane = 10 * 7;
    for (const [i, value] of data.entries()) {
      const [image, part] = [Math.floor(i / (6 * plane)), Math.floor(i / plane) % 6];
      const isFirst = i % plane === 0 && part < 3;
      if (isFirst) expect(value).toBeCloseTo(12 * (1 + 3 * image + part), 4);
      else expect(Math.abs(value)).toBe(0);
    }
  });

  // ONNX Runtime 1.30 turns a Pad that names its axes wrongly when it moves a transposition past it.
  test("what is transformed back can be continued and cut at sizes that are known", async () => {
    const image = randomTensor([2, 1, 12, 10], 4);
    const around = <T>(o: Ops<T>, x: T) => {
      const back = o.backend.run("fftAdjoint", [o.fft(x), x], {});
      const wider = o.pad(o.square(back), { top: 1, left: 2, bottom: 0, right: 3 });
      return o.sum(o.square(o.slice(wider, "w", 1, 9)), "chw");
    };
    const wanted = differentiate(reference, ({ o }, [x]) => around(o, x), [toFloat64(image)]);
    const program = await compile({ x: ["n", 1, 12, 10] }, (o, { x }) => {
      const { value, gradients } = differentiate(o, ({ o }, [x]) => around(o, x), [x]);
      return { value, grad: gradients[0] };
    });
    const got = await program.run({ x: image });
    expectClose(got.value.data, wanted.value.data, 1e-5);
    expectClose(got.grad.data, wanted.gradients[0].data, 1e-5);
  });
});
