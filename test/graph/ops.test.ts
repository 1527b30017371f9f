import { describe, expect, test } from "vitest";
import { differentiate } from "../../packages/core/src/graph/autodiff.ts";
import { compile } from "../../packages/core/src/graph/compile.ts";
import type { Ops } from "../../packages/core/src/graph/ops.ts";
import type { InputDims } from "../../packages/core/src/graph/program.ts";
import { type Float64Image, reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { expectClose } from "../close.ts";
import { randomTensor } from "../random.ts";
import { cases, first, inputsOf, probe, second, valueAndDerivatives } from "./ops-cases.ts";

/**
 * Every operation on both backends. The reference backend's derivatives are checked against central finite differences of its own
 * values, first and second order; ONNX Runtime is checked against the reference backend.
 */

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

const number = (x: Float64Image) => x.data[0];

describe.each(Object.entries(cases))("%s", (title, ops) => {
  const { f, fixed = [], order = 2 } = ops;
  const runs = inputsOf(ops);

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

  const names = runs[0].map((_, i) => `x${i}`);
  const compileFor = (dims: readonly InputDims[]) =>
    compile<string, string>(Object.fromEntries(names.map((name, i) => [name, dims[i]])), (o, x) =>
      valueAndDerivatives(
        o,
        ops,
        names.map((name) => x[name]),
      ),
    );
  const expectReference = async (program: Awaited<ReturnType<typeof compileFor>>, inputs: readonly Tensor[]) => {
    const feeds: Record<string, Tensor> = Object.fromEntries(inputs.map((input, i) => [names[i], input]));
    const got = await program.run(feeds);
    for (const [name, expected] of Object.entries(valueAndDerivatives(reference, ops, inputs.map(toFloat64)))) {
      expect(got[name].shape, name).toEqual(expected.shape);
      expectClose(got[name].data, expected.data, name.startsWith("second") ? 1e-4 : 1e-5);
    }
  };

  test("ONNX Runtime equals the reference at two sizes", async () => {
    const dims = runs[0].map(({ shape }, i): InputDims => (fixed.includes(i) ? shape : ["n", shape[1], "h", "w"]));
    const program = await compileFor(dims);
    for (const inputs of runs) await expectReference(program, inputs);
  });

  // Means of windows side by side are computed otherwise where the size is known, with pixels left over and without.
  test.runIf(title.startsWith("avgPool"))("ONNX Runtime equals the reference for static sizes", async () => {
    for (const inputs of runs) await expectReference(await compileFor(inputs.map(({ shape }) => shape)), inputs);
  });
});

test("depthToSpace uses PyTorch's channel order", () => {
  // torch.pixel_shuffle(torch.arange(8.).view(1, 8, 1, 1), 2).flatten() is 0..7: each four channels are one block of pixels.
  const x = toFloat64(Tensor.from([0, 1, 2, 3, 4, 5, 6, 7], [1, 8, 1, 1]));
  const blocks = reference.depthToSpace(x, 2);
  expect(blocks.shape).toEqual([1, 2, 2, 2]);
  expect([...blocks.data]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect([...reference.spaceToDepth(blocks, 2).data]).toEqual([...x.data]);
});

describe("fft", () => {
  test("equals numpy.fft.rfft2", () => {
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
    "of %i x %i pixels, products of two factors and primes, equals the reference up to float32 rounding",
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
  ])("imaginary parts that must be 0 are exactly 0: %i x %i", async (h, w) => {
    const image = randomTensor([1, 1, h, w], 3);
    const program = await compile({ x: ["n", 1, "h", "w"] }, (o, { x }) => ({ y: o.fft(x) }));
    for (const { data } of [(await program.run({ x: image })).y, reference.fft(toFloat64(image))]) {
      const columns = w / 2 + 1;
      for (const row of [0, h / 2]) {
        for (const column of [0, w / 2]) expect(Math.abs(data[(h + row) * columns + column])).toBe(0);
      }
    }
  });

  test("flat planes have the constant coefficient only, separately for each plane", async () => {
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
  test("the inverse transform can be padded and sliced at static sizes", async () => {
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
