import { afterAll, describe, expect, it } from "vitest";
import { setKernelThreads, sharedTensors } from "../../packages/core/src/kernels/index.ts";
import { parseLoss } from "../../packages/core/src/losses/index.ts";
import type { Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { collectUntil } from "../garbage.ts";
import { randomTensor } from "../random.ts";

afterAll(() => setKernelThreads(undefined));

const inPlace = [
  "l1",
  "mse",
  "charbonnier",
  "psnr",
  "tv",
  "tv(form=squared)",
  "tv(form=isotropic)",
  "sobel",
  "sobel(form=magnitude,distance=mse)",
  "edge",
  "deltaE(formula=76)",
  "deltaE(formula=94)",
  "deltaE(formula=2000)",
];
const windowed = ["ssim", "ssim(preset=skimage)", "ssim(preset=fused)", "ssim(preset=torchmetrics)"];
/** Losses that combine several steps, or go to ONNX Runtime. */
const copied = ["ms-ssim(preset=pytorch-msssim)", "gmsd", "ms-gmsd", "lpips(net=tiny)", "l1 + 0.1*ssim"];

function sameBits(a: Tensor, b: Tensor): boolean {
  const bytes = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return bytes(a).equals(bytes(b));
}

/** The same images in one memory and in arrays of their own. */
function pairOf(shape: Shape) {
  const plain = [randomTensor(shape, 1, 0, 1), randomTensor(shape, 2, 0, 1)];
  const [output, target, into] = sharedTensors(shape, shape, shape);
  output.data.set(plain[0].data);
  target.data.set(plain[1].data);
  return { plain, output, target, into };
}

// Expected: what the same loss gives for tensors of their own, gradients to the last bit.
describe("losses of tensors in shared memory", () => {
  const shapes: Shape[] = [
    [1, 3, 2, 2],
    [1, 3, 7, 5],
    [2, 3, 33, 44],
    [1, 3, 700, 600],
    [1, 3, 601, 602],
  ];
  const wide = shapes.filter(([, , height]) => height >= 11);
  it.each([
    ...inPlace.flatMap((spec) => shapes.map((shape) => [spec, shape] as const)),
    ...windowed.flatMap((spec) => wide.map((shape) => [spec, shape] as const)),
  ])("%s of %s", async (spec, shape) => {
    const loss = parseLoss(spec);
    const { plain, output, target, into } = pairOf(shape);
    const expected = await loss.valueAndGrad(plain[0], plain[1]);
    const value = await loss.value(plain[0], plain[1]);
    for (const threads of [1, 3]) {
      setKernelThreads(threads);
      into.data.fill(Number.NaN);
      const given = await loss.valueAndGrad(output, target, { into });
      expect(given.grad).toBe(into);
      // In place, other rows are summed up together first.
      expect(Math.abs(given.value / expected.value - 1)).toBeLessThan(1e-14);
      expect(sameBits(into, expected.grad)).toBe(true);
      expect(Math.abs((await loss.value(output, target)) / value - 1)).toBeLessThan(1e-14);
      const { grad } = await loss.valueAndGrad(output, target);
      expect(sameBits(grad, expected.grad)).toBe(true);
    }
    expect(sameBits(output, plain[0])).toBe(true);
    expect(sameBits(target, plain[1])).toBe(true);
  });

  it.each(copied)("%s", async (spec) => {
    const loss = parseLoss(spec);
    const { plain, output, target, into } = pairOf([2, 3, 192, 180]);
    const expected = await loss.valueAndGrad(plain[0], plain[1]);
    const given = await loss.valueAndGrad(output, target, { into });
    expect(given.value).toBe(expected.value);
    expect(sameBits(into, expected.grad)).toBe(true);
  });
});

it("concurrent losses on shared tensors do not interfere", async () => {
  setKernelThreads(3);
  const { plain, output, target } = pairOf([1, 3, 700, 600]);
  const specs = ["tv", "tv(form=squared)", "deltaE", "l1", "tv(reduction=sum)", "deltaE(formula=94)"];
  const values = (a: Tensor, b: Tensor) => Promise.all(specs.map((spec) => parseLoss(spec).valueAndGrad(a, b)));
  const [expected, given] = [await values(plain[0], plain[1]), await values(output, target)];
  for (const [index, { value, grad }] of expected.entries()) {
    expect(Math.abs(given[index].value / value - 1)).toBeLessThan(1e-14);
    expect(sameBits(given[index].grad, grad)).toBe(true);
  }
});

it("rejects NaN and infinity in shared tensors", async () => {
  const { output, target } = pairOf([1, 3, 40, 40]);
  output.data[1234] = Number.NaN;
  for (const spec of ["l1", "tv", "deltaE"]) {
    await expect(parseLoss(spec).value(output, target)).rejects.toThrow("NaN");
  }
  output.data[1234] = 0.5;
  target.data[4321] = Number.POSITIVE_INFINITY;
  await expect(parseLoss("deltaE").value(output, target)).rejects.toThrow("Infinity");
});

describe("sharedTensors", () => {
  it("returns zeroed tensors in one buffer, each aligned to 64 bytes", () => {
    const tensors = sharedTensors([1, 1, 1, 3], [2, 3, 5, 7], [1, 3, 4, 4]);
    expect(tensors.map(({ shape }) => shape)).toEqual([
      [1, 1, 1, 3],
      [2, 3, 5, 7],
      [1, 3, 4, 4],
    ]);
    for (const { data } of tensors) {
      expect(data.buffer).toBe(tensors[0].data.buffer);
      expect(data.byteOffset % 64).toBe(0);
      expect(data.every((value) => value === 0)).toBe(true);
    }
  });

  it.each([
    [[[1, 3, 20000, 20000]], "do not fit into one memory"],
    [[[1, 3, 2.5, 4]], "is not the shape of a batch"],
    [[[1, 3, 4]], "is not the shape of a batch"],
  ])("rejects %j", (shapes, problem) => {
    expect(() => sharedTensors(...(shapes as unknown as Shape[]))).toThrow(problem);
  });

  it("releases memory that is no longer used", async () => {
    const kept = new WeakRef(sharedTensors([1, 3, 8, 8])[0].data.buffer);
    await collectUntil(() => kept.deref() === undefined);
  });
});
