import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { readImage, readPixels } from "../../packages/reconloss/src/image/read.ts";
import { type WriteImageOptions, writeImage } from "../../packages/reconloss/src/image/write.ts";
import { temporaryFolder } from "../folder.ts";

const folder = await temporaryFolder();

/** Every level of a bit depth, spread over an image. */
function levels(channels: 1 | 3, max: 255 | 65535, side: number): Tensor {
  const length = channels * side * side;
  return Tensor.from(
    Array.from({ length }, (_, i) => ((i * 40503) % (max + 1)) / max),
    [1, channels, side, side],
  );
}

describe("writeImage", () => {
  test.each<[string, 8 | 16, WriteImageOptions["quality"]]>([
    ["a.png", 8, undefined],
    ["a.PNG", 16, undefined],
    ["a.tif", 8, undefined],
    ["a.tiff", 16, "lossless"],
    ["a.webp", 8, "lossless"],
    ["a.avif", 8, "lossless"],
  ])("round-trips %s with %d bits exactly, grey and colour", async (name, bitDepth, quality) => {
    for (const channels of [1, 3] as const) {
      const tensor = levels(channels, bitDepth === 8 ? 255 : 65535, bitDepth === 8 ? 32 : 257);
      const path = join(folder, "new folder", `${channels} ${name}`);
      await writeImage(path, tensor, { bitDepth, quality });
      const read = await readImage(path);
      // WebP and AVIF store grey as RGB.
      const planes =
        channels === 1 && /webp|avif/.test(name) ? [...tensor.data, ...tensor.data, ...tensor.data] : tensor.data;
      expect(read.data.length).toBe(planes.length);
      expect(read.data.every((value, i) => value === planes[i])).toBe(true);
      expect((await readPixels(path)).data.BYTES_PER_ELEMENT * 8).toBe(bitDepth);
    }
  });

  test.each(["jpg", "jpeg", "webp", "avif"])(
    "writes %s by its extension, more accurate and larger with quality",
    async (extension) => {
      const smooth = Tensor.from(
        Array.from({ length: 3 * 64 * 64 }, (_, i) => 0.5 + 0.4 * Math.sin((i % 64) / 9) * Math.cos((i >> 6) / 7 + 1)),
        [1, 3, 64, 64],
      );
      const results: { size: number; error: number }[] = [];
      for (const quality of [20, undefined]) {
        const path = join(folder, `quality ${quality}.${extension}`);
        await writeImage(path, smooth, { quality });
        const { format } = await sharp(path).metadata();
        expect(format).toBe({ jpg: "jpeg", jpeg: "jpeg", webp: "webp", avif: "heif" }[extension]);
        const read = await readImage(path);
        const error = read.data.reduce((sum, value, i) => sum + Math.abs(value - smooth.data[i]), 0) / read.data.length;
        results.push({ size: (await stat(path)).size, error });
      }
      expect(results[1].error).toBeLessThan(results[0].error);
      expect(results[1].error).toBeLessThan(0.02);
      expect(results[1].size).toBeGreaterThan(results[0].size);
    },
  );

  test("clamps values outside [0, 1], and selects one image of a batch by index", async () => {
    const path = join(folder, "clamped.png");
    await writeImage(path, Tensor.from([9, 9, -0.3, 1.7], [2, 1, 1, 2]), { index: 1 });
    expect(Array.from((await readPixels(path)).data)).toEqual([0, 255]);
  });

  test.each<[string, string, Tensor, WriteImageOptions, string, RegExp]>([
    ["an unknown extension", "a.bmp", grey(0), {}, "invalid-argument", /must end in one of \.png, \.jpg/],
    ["no extension", "png", grey(0), {}, "invalid-argument", /must end in/],
    ["16-bit JPEG", "a.jpg", grey(0), { bitDepth: 16 }, "invalid-argument", /\.jpg files have bitDepth 8, got 16/],
    ["lossless JPEG", "a.jpg", grey(0), { quality: "lossless" }, "invalid-argument", /1 to 100, got lossless/],
    ["quality of a PNG", "a.png", grey(0), { quality: 90 }, "invalid-argument", /must be "lossless", got 90/],
    ["quality 0", "a.webp", grey(0), { quality: 0 }, "invalid-argument", /1 to 100 or "lossless", got 0/],
    ["NaN", "a.png", grey(Number.NaN), {}, "non-finite", /writeImage: .*NaN/],
    ["two channels", "a.png", Tensor.full([1, 2, 1, 1], 0), {}, "shape", /writeImage: .*1x2x1x1/],
    ["a batch without index", "a.png", Tensor.full([2, 1, 1, 1], 0), {}, "invalid-argument", /index/],
    ["wider than WebP can be", "a.webp", Tensor.full([1, 1, 1, 16384], 0), {}, "image", /cannot encode/],
    ["into what is no folder", "file.png/a.png", grey(0), {}, "file", /file\.png/],
  ])("refuses invalid input, and leaves no file: %s", async (_, name, tensor, options, code, message) => {
    await writeImage(join(folder, "file.png"), grey(0));
    const before = await readdir(folder);
    const writing = writeImage(join(folder, name), tensor, options);
    await expect(writing).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await readdir(folder)).toEqual(before);
  });
});

function grey(value: number): Tensor {
  return Tensor.full([1, 1, 2, 2], value);
}
