import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { module } from "../../packages/core/src/kernels/generated/resize.ts";
import { bestBuild, compileModules } from "../../packages/core/src/kernels/load.ts";
import { Kernels } from "../../packages/core/src/kernels/module.ts";
import type { Build } from "../../packages/core/src/kernels/modules.ts";
import { resize, resizers } from "../../packages/core/src/pixels/resize.ts";
import { resizeWith, runResize } from "../../packages/core/src/pixels/run-resize.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { fromPixels, readPixels } from "../../packages/reconloss/src/image/index.ts";
import { goldenFile } from "../golden.ts";
import { randomSource, randomTensor } from "../random.ts";
import { testResizerGoldens } from "../resizer-goldens.ts";

const builds: readonly Build[] = bestBuild() === "relaxed" ? ["plain", "relaxed"] : ["plain"];

/** Random samples; with `bits` 8 or 16 and 1 or 3 channels. */
function randomPixels(bits: number, channels: 1 | 3, height: number, width: number, seed: number) {
  const random = randomSource(seed);
  const data = new (bits === 8 ? Uint8Array : Uint16Array)(height * width * channels);
  for (let i = 0; i < data.length; i++) data[i] = Math.floor(random() * 2 ** bits);
  return { data, width, height, channels };
}

function greatestDifference(a: Tensor, b: Tensor): number {
  expect(a.shape).toEqual(b.shape);
  return a.data.reduce((greatest, value, i) => Math.max(greatest, Math.abs(value - b.data[i])), 0);
}

describe.each(builds)("%s build", (build) => {
  const made = compileModules([module], build).then((modules) => {
    const kernels = new Kernels();
    kernels.add(modules);
    return kernels;
  });

  describe("resizers equal Pillow, PyTorch and TensorFlow to 1e-4 of 255", () => {
    testResizerGoldens(async (path, size, resizer) =>
      resizeWith(await made, await readPixels(goldenFile(path)), size, resizer, { dataRange: 255 }),
    );
  });

  // Values are at most 1, so that this is some ten roundings of float32; `resize` itself is held to the originals.
  test.each(resizers)("%s equals plain loops to 1e-6 of white, for any size and bit depth", async (resizer) => {
    const kernels = await made;
    const side = fc.integer({ min: 1, max: 90 });
    const image = fc.tuple(side, side, fc.constantFrom(1 as const, 3 as const), fc.constantFrom(8, 16, 32), fc.nat());
    fc.assert(
      fc.property(image, fc.tuple(side, side), ([height, width, channels, bits, seed], size) => {
        const source =
          bits === 32
            ? randomTensor([2, channels, height, width], seed)
            : randomPixels(bits, channels, height, width, seed);
        const planes = source instanceof Tensor ? source : fromPixels(source);
        const difference = greatestDifference(
          resizeWith(kernels, source, size, resizer),
          resize(planes, size, resizer),
        );
        expect(difference).toBeLessThanOrEqual(1e-6);
      }),
      { numRuns: 150 },
    );
  });
});

test.each(resizers)("%s returns an image of the same size unchanged, and keeps white exact", async (resizer) => {
  // Every level of 8 and 16 bits, divided by white as a division in float64 is rounded.
  for (const levels of [
    Uint8Array.from({ length: 256 }, (_, i) => i),
    Uint16Array.from({ length: 65536 }, (_, i) => i),
  ]) {
    const all = { data: levels, width: 256, height: levels.length / 256, channels: 1 as const };
    const { data } = await runResize(all, [all.height, 256], resizer);
    expect(data.every((value, i) => value === Math.fround(levels[i] / (levels.length - 1)))).toBe(true);
  }
  const pixels = randomPixels(16, 3, 21, 34, 1);
  expect(await runResize(pixels, [21, 34], resizer)).toEqual(fromPixels(pixels));
  const white = await runResize({ ...pixels, data: new Uint8Array(pixels.data.length).fill(255) }, [50, 9], resizer);
  expect(Math.max(...white.data.map((value) => Math.abs(value - 1)))).toBeLessThan(5e-7);
});

test("rejects alpha, data of another length, invalid sizes and unknown resizers", async () => {
  const pixels = randomPixels(8, 3, 2, 2, 1);
  await expect(runResize({ ...pixels, channels: 4, data: new Uint8Array(16) }, [1, 1], "clean")).rejects.toThrow(
    /1 or 3 channels, got 4/,
  );
  await expect(runResize({ ...pixels, height: 3 }, [1, 1], "clean")).rejects.toMatchObject({ code: "shape" });
  await expect(runResize(pixels, [0, 1], "clean")).rejects.toThrow(/positive integers, got 0x1/);
  await expect(runResize(pixels, [1, 1], "nearest" as "clean")).rejects.toThrow(/must be one of clean/);
});
