import { afterAll, describe, expect, test } from "vitest";
import { sharedBytes } from "../../packages/core/src/kernels/arena.ts";
import { runKernel, setKernelThreads } from "../../packages/core/src/kernels/index.ts";
import { ready } from "../../packages/core/src/kernels/load.ts";
import { ssim } from "../../packages/core/src/losses/index.ts";
import { toImageSync } from "../../packages/core/src/pixels/input.ts";
import { randomTensor } from "../random.ts";

// The expected values are the definition's, in float64.

const loss = ssim({ preset: "ffmpeg" });
const spec = { kind: "ssim-blocks", covariance: "sample", k1: 0.01, k2: 0.03, dataRange: 1 } as const;

/** Bytes of an image; `levels`: how far they go from the least one. */
function bytes(length: number, seed: number, levels = 255, least = 0): Uint8Array {
  return Uint8Array.from(randomTensor([1, 1, 1, length], seed).data, (x) => least + Math.round(x * levels));
}

afterAll(() => setKernelThreads(undefined));

describe("integer SSIM of every fourth 8x8 window", () => {
  test.each([
    [8, 8],
    [9, 11],
    [15, 16],
    [41, 53],
    [600, 70],
    [12, 517],
  ])("equals the definition: %i x %i pixels, planes and interleaved", async (height, width) => {
    for (const channels of [1, 3, 4] as const) {
      const length = channels * height * width;
      const opaque = (data: Uint8Array) => (channels === 4 ? data.map((x, i) => (i % 4 === 3 ? 255 : x)) : data);
      for (const [a, b] of [
        [bytes(length, 1), bytes(length, 2)],
        [bytes(length, 3, 8, 120), bytes(length, 3, 11, 119)],
        [bytes(length, 4, 2), bytes(length, 5, 2)],
        // The largest sums that there are.
        [new Uint8Array(length).fill(255), new Uint8Array(length).fill(255)],
        [new Uint8Array(length).fill(255), new Uint8Array(length)],
        [bytes(length, 6).map((x) => (x < 128 ? 0 : 255)), bytes(length, 6).map((x) => (x < 128 ? 255 : 0))],
      ]) {
        const [output, target] = [a, b].map((data) => toImageSync({ data: opaque(data), width, height, channels }));
        const wanted = await loss.value(output, target, { engine: "reference" });
        // Quotients are float32.
        expect(Math.abs((await loss.value(output, target, { engine: "kernels" })) - wanted)).toBeLessThan(1e-6);
      }
    }
  });

  test("is exactly 1 for identical images", async () => {
    const data = bytes(40 * 40, 7);
    const [output, target] = [data, data.slice()].map((own) => toImageSync({ data: own, width: 40, height: 40 }));
    expect(await loss.value(output, target)).toBe(1);
  });

  test("gives the same bits for any number of threads, synchronously, and in shared memory", async () => {
    const [height, width] = [900, 1200];
    const pixels = (data: Uint8Array) => ({ data, height, width, channels: 1 });
    const [a, b] = [bytes(height * width, 8), bytes(height * width, 9)];
    const shared = sharedBytes(2, height * width);
    shared[0].set(a);
    shared[1].set(b);
    setKernelThreads(1);
    const alone = (await runKernel(spec, pixels(a), pixels(b))).perImage[0];
    setKernelThreads(3);
    expect((await runKernel(spec, pixels(a), pixels(b))).perImage[0]).toBe(alone);
    expect((await runKernel(spec, pixels(shared[0]), pixels(shared[1]))).perImage[0]).toBe(alone);
    await ready();
    const images = [a, b].map((data) => toImageSync({ data, width, height }));
    expect(loss.valueSync(images[0], images[1])).toBe(await loss.value(images[0], images[1]));
  });

  test("computes 8-bit scores only, and leaves float, 16-bit, gradients and maps to the definition", async () => {
    const [height, width] = [24, 20];
    const [a, b] = [bytes(height * width, 1), bytes(height * width, 2)].map((data) =>
      toImageSync({ data, width, height }),
    );
    const value = await loss.value(a, b);
    const deep = toImageSync({ data: Uint16Array.from(bytes(height * width, 1), (x) => 257 * x), width, height });
    for (const output of [a.tensor, deep]) {
      await expect(loss.value(output, b, { engine: "kernels" })).rejects.toThrow(
        "the loss's kernel with these options has scores alone, of images of 8 bits a sample",
      );
      expect(await loss.value(output, b)).toBeCloseTo(value, 5);
    }
    const { grad, map } = await loss.evaluate(a, b, { grad: true, map: true });
    expect(grad?.shape).toEqual([1, 1, height, width]);
    expect(map?.shape).toEqual([1, 1, 5, 4]);
    await expect(runKernel(spec, a.tensor, b.tensor)).rejects.toThrow("takes pixels of 8 bits a sample");
    const small = { data: new Uint8Array(7 * 9), height: 7, width: 9, channels: 1 };
    await expect(runKernel(spec, small, small)).rejects.toThrow("a window of 8 needs at least 8x8");
  });
});
