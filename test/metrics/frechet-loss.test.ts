import { describe, expect, test } from "vitest";
import type { Ops } from "../../packages/core/src/graph/ops.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { symmetricEigensystem } from "../../packages/core/src/metrics/eigenvectors.ts";
import { frechetDistance } from "../../packages/core/src/metrics/frechet-distance.ts";
import { distanceAndGradient, frechetLoss } from "../../packages/core/src/metrics/frechet-loss.ts";
import type { Matrix } from "../../packages/core/src/metrics/matrix.ts";
import { Moments } from "../../packages/core/src/metrics/moments.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { randomSource, randomTensor } from "../random.ts";

function statistics(count: number, dimension: number, seed: number) {
  const moments = new Moments();
  const data = randomTensor([count, dimension, 1, 1], seed, -1, 2);
  // Correlated, so that nothing is diagonal.
  moments.update(
    Tensor.from(
      data.data.map((value, i) => value + 0.5 * data.data[i === 0 ? 0 : i - 1]),
      data.shape,
    ),
  );
  return moments.statistics();
}

const toRows = ({ data, shape: [n, d] }: Tensor): Matrix => ({ rows: n, columns: d, data: Float64Array.from(data) });

describe("distanceAndGradient", () => {
  test.each([
    ["fewer images than features", 4, 9],
    ["more images than features", 20, 6],
    ["two images", 2, 5],
  ])("of %s equals the Frechet distance, and its gradient equals finite differences", async (_, n, d) => {
    const real = statistics(50, d, 1);
    const batch = randomTensor([n, d, 1, 1], 2);
    const rows = toRows(batch);
    const { value, gradient } = await distanceAndGradient(rows, real);
    const moments = new Moments();
    moments.update(batch);
    expect(Math.abs(value - (await frechetDistance(moments.statistics(), real)).value)).toBeLessThan(1e-12 * value);
    const step = 1e-5;
    for (let i = 0; i < n * d; i++) {
      const at = async (shift: number) => {
        const data = rows.data.with(i, rows.data[i] + shift);
        return (await distanceAndGradient({ ...rows, data }, real)).value;
      };
      const slope = ((await at(step)) - (await at(-step))) / (2 * step);
      expect(Math.abs(gradient.data[i] - slope)).toBeLessThan(1e-8);
    }
  });

  test("against reals of rank 3 has a finite and correct gradient", async () => {
    const real = statistics(4, 8, 3);
    const rows = toRows(randomTensor([6, 8, 1, 1], 4));
    const { gradient } = await distanceAndGradient(rows, real);
    const direction = randomTensor([6, 8, 1, 1], 5, -1, 1).data;
    const at = async (t: number) => {
      return (await distanceAndGradient({ ...rows, data: rows.data.map((x, i) => x + t * direction[i]) }, real)).value;
    };
    const slope = ((await at(1e-5)) - (await at(-1e-5))) / 2e-5;
    expect(Math.abs(gradient.data.reduce((sum, g, i) => sum + g * direction[i], 0) - slope)).toBeLessThan(1e-7);
  });

  test("of identical images is finite", async () => {
    const { value, grad } = await frechetLoss(statistics(50, 5, 1)).valueAndGrad(Tensor.full([3, 5, 1, 1], 0.25));
    expect(Number.isFinite(value)).toBe(true);
    expect(grad.data.every(Number.isFinite)).toBe(true);
  });
});

describe("frechetLoss through a network", () => {
  const weight = randomTensor([6, 3, 3, 3], 7, -0.5, 0.5);
  const network = <T>(o: Ops<T>, images: T): T => {
    const maps = o.conv2d(images, o.constant(weight.data, [6, 3, 3, 3]), { stride: 2 });
    return o.mean(o.square(o.relu(maps)), "hw");
  };
  const real = statistics(40, 6, 8);
  const images = randomTensor([5, 3, 9, 11], 9);

  test("the gradient from value to pixels equals float64 finite differences", async () => {
    const { value, grad } = await frechetLoss(real, network).valueAndGrad(images);
    expect(grad.shape).toEqual(images.shape);
    const direction = randomTensor(images.shape, 10, -1, 1).data;
    const ops = reference;
    const at = async (t: number) => {
      const input = toFloat64(images);
      for (let i = 0; i < input.data.length; i++) input.data[i] += t * direction[i];
      const features = network(ops, input);
      return (await distanceAndGradient({ rows: 5, columns: 6, data: Float64Array.from(features.data) }, real)).value;
    };
    expect(Math.abs(value - (await at(0)))).toBeLessThan(1e-5 * value);
    const slope = ((await at(1e-5)) - (await at(-1e-5))) / 2e-5;
    const got = grad.data.reduce((sum, g, i) => sum + g * direction[i], 0);
    expect(Math.abs(got - slope)).toBeLessThan(1e-4 * Math.abs(slope));
    expect(await frechetLoss(real, network).value(images)).toBe(value);
  });

  test("a step down the gradient lowers the value", async () => {
    const loss = frechetLoss(real, network);
    const { value, grad } = await loss.valueAndGrad(images);
    const norm = grad.data.reduce((sum, g) => sum + g * g, 0);
    const stepped = Tensor.from(
      images.data.map((x, i) => x - ((0.01 * value) / norm) * grad.data[i]),
      images.shape,
    );
    expect(await loss.value(stepped)).toBeLessThan(value * 0.995);
  });

  test("rejects features of another length, fewer than two images, feature maps, and NaN", async () => {
    await expect(frechetLoss(real).value(Tensor.full([3, 5, 1, 1], 0))).rejects.toThrow(
      /5 features an image, the reals 6/,
    );
    await expect(frechetLoss(real).value(Tensor.full([1, 6, 1, 1], 0))).rejects.toThrow(/at least 2 images/);
    await expect(frechetLoss(real).value(Tensor.full([2, 6, 2, 2], 0))).rejects.toThrow(/must be vectors/);
    const broken = Tensor.full([2, 3, 9, 9], Number.NaN);
    await expect(frechetLoss(real, network).value(broken)).rejects.toThrow(/2x3x9x9 have NaN at element 0/);
  });
});

test("symmetricEigensystem reconstructs the matrix", () => {
  const random = randomSource(3);
  const n = 17;
  const data = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) data[i * n + j] = data[j * n + i] = random() - 0.5;
  const { values, vectors } = symmetricEigensystem({ rows: n, columns: n, data: data.slice() });
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const sum = values.reduce(
        (total, value, k) => total + vectors.data[k * n + i] * value * vectors.data[k * n + j],
        0,
      );
      expect(Math.abs(sum - data[i * n + j])).toBeLessThan(1e-14 * n);
    }
  }
});
