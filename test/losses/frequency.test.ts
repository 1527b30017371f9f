import { describe, expect, test } from "vitest";
import type { Definition } from "../../packages/core/src/definitions/definition.ts";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { fft, focalFrequency, type Loss, parseLoss, wavelet } from "../../packages/core/src/losses/index.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { expectGradient, expectValue, goldenCases, mapTensor, readInput } from "../golden.ts";
import { randomTensor } from "../random.ts";

function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  const largest = Array.from(expected).reduce((max, x) => Math.max(max, Math.abs(x)), 1e-12);
  return Array.from(got).reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i])), 0) / largest;
}

/** Everything of a loss in float64. */
function expectedOf(loss: Loss, output: Tensor, target: Tensor, weight?: Tensor) {
  const images = { output: toFloat64(output), target: toFloat64(target), weight: weight && toFloat64(weight) };
  return evaluateDefinition(reference, loss.definition as Definition, images, { grad: true });
}

/** The full spectrum of one plane, coefficient by coefficient from its definition: a second way beside the half spectrum of `Ops.fft`. */
function fullSpectrum(plane: ArrayLike<number>, h: number, w: number): [real: number, imaginary: number][] {
  return Array.from({ length: h * w }, (_, i) => {
    const [k, l] = [Math.floor(i / w), i % w];
    let [real, imaginary] = [0, 0];
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) {
        const angle = -2 * Math.PI * ((k * y) / h + (l * x) / w);
        real += plane[y * w + x] * Math.cos(angle);
        imaginary += plane[y * w + x] * Math.sin(angle);
      }
    return [real, imaginary];
  });
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe("fft", () => {
  test.each([
    [6, 4],
    [5, 7],
    [4, 1],
    [1, 2],
  ])("of %i x %i pixels equals the definition by the full spectrum, for every error, norm and power", async (h, w) => {
    const [output, target] = [randomTensor([1, 1, h, w], 1), randomTensor([1, 1, h, w], 2)];
    const [a, b] = [output, target].map(({ data }) => fullSpectrum(data, h, w));
    const errors = {
      parts: (i: number) => [a[i][0] - b[i][0], a[i][1] - b[i][1]],
      modulus: (i: number) => [Math.hypot(a[i][0] - b[i][0], a[i][1] - b[i][1])],
      amplitude: (i: number) => [Math.hypot(...a[i]) - Math.hypot(...b[i])],
    };
    const isHalf = (i: number) => i % w <= Math.floor(w / 2);
    for (const [error, of] of Object.entries(errors))
      for (const spectrum of ["full", "half"] as const)
        for (const norm of ["backward", "ortho"] as const)
          for (const power of [1, 2]) {
            const counted = [...a.keys()].filter((i) => spectrum === "full" || isHalf(i));
            const all = counted
              .flatMap(of)
              .map((d) => Math.abs(d / (norm === "ortho" ? Math.sqrt(h * w) : 1)) ** power);
            const spec = `fft(error=${error},spectrum=${spectrum},norm=${norm},power=${power})`;
            expect(
              relativeError([await parseLoss(spec).value(output, target)], [sum(all) / all.length]),
              spec,
            ).toBeLessThan(2e-6);
          }
  });

  test("scales halve bilinearly, and drop the last row or column of odd sizes, as PyTorch's interpolate(scale_factor=0.5)", async () => {
    const [output, target] = [randomTensor([1, 2, 7, 9], 1), randomTensor([1, 2, 7, 9], 2)];
    const halved = ({ data }: Tensor) =>
      Tensor.from(
        Array.from({ length: 2 * 3 * 4 }, (_, i) => {
          const [c, y, x] = [Math.floor(i / 12), Math.floor(i / 4) % 3, i % 4];
          const at = (row: number, column: number) => data[(c * 7 + row) * 9 + column];
          return (at(2 * y, 2 * x) + at(2 * y, 2 * x + 1) + at(2 * y + 1, 2 * x) + at(2 * y + 1, 2 * x + 1)) / 4;
        }),
        [1, 2, 3, 4],
      );
    const expected = (await fft().value(output, target)) + (await fft().value(halved(output), halved(target)));
    expect(await fft({ scales: 2 }).value(output, target)).toBeCloseTo(expected, 5);
  });

  test("the squared orthonormal spectrum equals the squared error (Parseval)", async () => {
    const [output, target] = [randomTensor([2, 3, 13, 10], 1), randomTensor([2, 3, 13, 10], 2)];
    const squared = await parseLoss("mse").value(output, target);
    expect(await parseLoss("fft(norm=ortho,power=2,error=modulus)").value(output, target)).toBeCloseTo(squared, 6);
    expect(await parseLoss("focal-frequency(alpha=0)").value(output, target)).toBeCloseTo(squared, 6);
  });

  test("a weight, divided by its mean, multiplies both images before the transform", async () => {
    const [output, target] = [randomTensor([1, 2, 5, 6], 1, 0, 0.7), randomTensor([1, 2, 5, 6], 2, 0, 0.7)];
    const weight = randomTensor([1, 2, 5, 6], 3);
    const mean = sum([...weight.data]) / weight.data.length;
    const [a, b] = [output, target].map((x) => mapTensor(x, (value, i) => (value * weight.data[i]) / mean));
    for (const spec of ["fft", "fft(error=amplitude)", "focal-frequency"]) {
      const loss = parseLoss(spec);
      expect(relativeError([await loss.value(output, target, { weight })], [await loss.value(a, b)])).toBeLessThan(
        2e-6,
      );
    }
  });
});

describe("focal-frequency", () => {
  const cases = Object.fromEntries(goldenCases("frequency").map((golden) => [golden.id, golden]));
  const shape: Shape = [2, 3, 12, 8];
  const [output, target] = [randomTensor(shape, 1), randomTensor(shape, 2)];

  test("equals the reference value for a custom matrix", async () => {
    const golden = cases["ffl-matrix/t24"];
    const [a, b] = await Promise.all(
      [golden.inputs.output, golden.inputs.target].map((path) => readInput(path as string)),
    );
    const matrix = Tensor.from(
      Array.from({ length: 24 * 20 }, (_, i) => ((Math.floor(i / 20) + (i % 20)) % 2 === 0 ? 1 : 0.25)),
      [1, 1, 24, 20],
    );
    const { value, grad } = await focalFrequency({}, { matrix }).valueAndGrad(a, b);
    expectValue(value, golden.expected as number, golden.tolerance);
    expectGradient(grad, golden);
  });

  test("rejects sizes that the patches do not divide, as the reference implementation", async () => {
    const golden = cases["ffl-patch5/t24"];
    expect(golden.expected).toBe("refused");
    const [a, b] = await Promise.all(
      [golden.inputs.output, golden.inputs.target].map((path) => readInput(path as string)),
    );
    const refused = expect(focalFrequency({ patchFactor: 5 }).value(a, b)).rejects;
    await refused.toMatchObject({ code: "shape" });
    await refused.toThrow("focal-frequency: output is 2x3x24x20, but patchFactor=5 does not divide 24x20");
  });

  test.each([5, 6])("a matrix of %i columns without conjugate symmetry applies to the full spectrum", async (w) => {
    const [a, b] = [randomTensor([1, 2, 4, w], 1), randomTensor([1, 2, 4, w], 2)];
    const matrix = randomTensor([1, 2, 4, w], 3);
    const planes = [0, 1].map((c) => a.data.slice(c * 4 * w, (c + 1) * 4 * w).map((x, i) => x - b.data[c * 4 * w + i]));
    const squares = planes
      .flatMap((plane) => fullSpectrum(plane, 4, w))
      .map(([re, im]) => (re ** 2 + im ** 2) / (4 * w));
    const expected = sum(squares.map((square, i) => square * matrix.data[i])) / squares.length;
    expect(relativeError([await focalFrequency({}, { matrix }).value(a, b)], [expected])).toBeLessThan(2e-6);
  });

  test("rejects matrices of the wrong shape, and negative entries", async () => {
    const loss = focalFrequency({ patchFactor: 2 }, { matrix: Tensor.full([1, 1, 12, 8], 1) });
    const refused = expect(loss.value(output, target)).rejects;
    await refused.toMatchObject({ code: "shape" });
    await refused.toThrow("but the matrix is 1x1x12x8, not 1x1x6x4 or 1x12x6x4");
    const bad = mapTensor(Tensor.full([1, 1, 12, 8], 1), (x, i) => (i === 3 ? -x : x));
    expect(() => focalFrequency({}, { matrix: bad })).toThrow(
      "focal-frequency: matrix must be finite and not negative, but element 3 is -1",
    );
    expect(() => focalFrequency({}, { matrix: [1] as unknown as Tensor })).toThrow("matrix must be a Tensor");
  });

  test("the gradient treats the spectrum weights as constants", async () => {
    const [a, b] = [output.image(0), target.image(0)];
    const [, c, h, w] = shape;
    const moduli = [...Array(c).keys()].map((channel) => {
      const plane = a.data.slice(channel * h * w, (channel + 1) * h * w).map((x, i) => x - b.data[channel * h * w + i]);
      return fullSpectrum(plane, h, w).map((d) => Math.hypot(...d));
    });
    const matrix = Tensor.from(
      moduli.flatMap((plane) => plane.map((modulus) => modulus / Math.max(...plane))),
      [1, c, h, w],
    );
    const held = focalFrequency({}, { matrix });
    const { value, grad } = await focalFrequency().valueAndGrad(a, b);
    const expected = expectedOf(held, a, b);
    expect(relativeError([value], expected.value.data)).toBeLessThan(2e-6);
    expect(relativeError(grad.data, expected.grad!.data)).toBeLessThan(2e-5);
    const at = (position: number, by: number) =>
      expectedOf(
        held,
        mapTensor(a, (x, i) => (i === position ? x + by : x)),
        b,
      ).value.data[0];
    for (const position of [0, 50, 200]) {
      const difference = (at(position, 1 / 64) - at(position, -1 / 64)) * 32;
      expect(Math.abs(difference - expected.grad!.data[position])).toBeLessThan(1e-6);
    }
  });

  test.each([
    "focal-frequency(patchFactor=2)",
    "focal-frequency(patchFactor=4,alpha=2,logMatrix=true)",
    "focal-frequency(batchMatrix=true)",
    "focal-frequency(averageSpectrum=true)",
    "focal-frequency(averageSpectrum=true,batchMatrix=true,patchFactor=2)",
  ])("%s equals the float64 reference, with and without a weight", async (spec) => {
    const loss = parseLoss(spec);
    for (const weight of [undefined, randomTensor([2, 1, 12, 8], 3)]) {
      const expected = expectedOf(loss, output, target, weight);
      const got = await loss.evaluate(output, target, { grad: true }, { weight });
      expect(relativeError([got.value], expected.value.data)).toBeLessThan(1e-5);
      expect(relativeError(got.perImage, expected.perImage.data)).toBeLessThan(1e-5);
      expect(relativeError(got.grad!.data, expected.grad!.data)).toBeLessThan(1e-4);
    }
    const same = await loss.valueAndGrad(output, output);
    expect(same.value).toBe(0);
    expect(same.grad.data.every((x) => x === 0 || Object.is(x, -0))).toBe(true);
  });

  test("with weightNormalisation=batch, an image of weight 0 affects neither the mean spectrum nor the maximum", async () => {
    const weight = mapTensor(Tensor.full([2, 1, 12, 8], 0), (_, i) => (i < 96 ? 1 + (i % 3) : 0));
    const options = { weight, weightNormalisation: "batch" } as const;
    for (const spec of ["focal-frequency(batchMatrix=true)", "focal-frequency(averageSpectrum=true)"]) {
      const loss = parseLoss(spec);
      const alone = await loss.valueAndGrad(output.image(0), target.image(0), { weight: weight.image(0) });
      // The image without weight is far off: it would be the largest of the batch.
      const far = mapTensor(output, (x, i) => (i < 288 ? x : 1.4 - x));
      const got = await loss.valueAndGrad(far, target, options);
      expect(relativeError([got.value], [alone.value]), spec).toBeLessThan(1e-5);
      expect(relativeError(got.grad.image(0).data, alone.grad.data)).toBeLessThan(1e-4);
      expect(got.grad.image(1).data.every((x) => Math.abs(x) === 0)).toBe(true);
    }
  });
});

describe("wavelet", () => {
  const [c, h, w] = [3, 40, 24];
  const image = (f: (i: number) => number) =>
    Tensor.from(
      Array.from({ length: c * h * w }, (_, i) => f(i)),
      [1, c, h, w],
    );
  const output = image((i) => ((i * 37) % 101) / 101);
  const target = image((i) => ((i * i * 13) % 97) / 97);

  // PyWavelets 1.1.1: swt2 of output - target (rounded to float32), mean absolute values of the sub-bands, weighted and added up; the low-pass filter divided by its sum for
  // normalization=low-pass, levels divided by 2^level for both; on the luma for korkmaz.
  test.each([
    ["wavelet", 1.267976375386287],
    ["wavelet(wavelet=db2,weights=1:0.5)", 1.4779612184723905],
    ["wavelet(wavelet=db4,weights=1:0.5:0.25,normalization=both,bands=0.1:1:2:3)", 1.2599921803343497],
    ["wavelet(wavelet=sym7,normalization=low-pass)", 0.9180635628430912],
    ["wavelet(preset=korkmaz)", 0.47245304464202775],
  ])("%s equals PyWavelets", async (spec, expected) => {
    expectValue(await parseLoss(spec).value(output, target), expected, { rel: 1e-6 });
  });

  test("Haar's map combines the differences of four neighbours, and wraps around at the border", async () => {
    const difference = (y: number, x: number) => {
      const i = (y % h) * w + (x % w);
      return [0, 1, 2].map((channel) => output.data[channel * h * w + i] - target.data[channel * h * w + i]);
    };
    const expected = Array.from({ length: h * w }, (_, i) => {
      const [y, x] = [Math.floor(i / w), i % w];
      const [a, b, d, e] = [difference(y, x), difference(y, x + 1), difference(y + 1, x), difference(y + 1, x + 1)];
      const signs = [
        [1, 1, 1],
        [1, -1, -1],
        [-1, 1, -1],
        [-1, -1, 1],
      ];
      const bands = signs.map(
        ([p, q, r]) => sum(a.map((_, k) => Math.abs(a[k] + p * b[k] + q * d[k] + r * e[k]) / 2)) / 3,
      );
      return sum(bands);
    });
    const { map, value } = await wavelet().evaluate(output, target, { map: true });
    expect(relativeError(map!.data, expected)).toBeLessThan(1e-6);
    expect(value).toBeCloseTo(sum(expected) / expected.length, 6);
  });

  test("horizontal and vertical sub-bands are distinguished", async () => {
    const rows = Tensor.from(
      Array.from({ length: 64 }, (_, i) => Math.floor(i / 8) % 2),
      [1, 1, 8, 8],
    );
    const flat = Tensor.full([1, 1, 8, 8], 0.5);
    expect(await wavelet({ bands: "0:1:0:0" }).value(rows, flat)).toBeCloseTo(1, 6);
    expect(await wavelet({ bands: "0:0:1:1" }).value(rows, flat)).toBe(0);
  });

  test.each([
    ["wavelet(bands=1:1:1)", "wavelet: bands must be four numbers, LL:LH:HL:HH, got 1:1:1"],
    ["wavelet(bands=0:0:0:0)", "wavelet: bands=0:0:0:0 leaves nothing to measure"],
    ["wavelet(weights=0:0)", "wavelet: weights=0:0 leaves nothing to measure"],
  ])("rejects %s", (spec, message) => {
    expect(() => parseLoss(spec)).toThrow(message);
  });
});
