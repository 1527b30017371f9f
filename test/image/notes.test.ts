import sharp from "sharp";
import { expect, test } from "vitest";
import {
  decodeImage,
  decodePixels,
  decodeSummary,
  type ReadImageOptions,
} from "../../packages/reconloss/src/image/index.ts";
import { exifOf } from "./exif.ts";
import { plainTiff } from "./plain-tiff.ts";

const flat = (channels: 1 | 3 | 4, value = 100, bits: 8 | 16 = 8) => {
  const Samples = bits === 8 ? Uint8Array : Uint16Array;
  const data = new Samples(256 * channels).fill(value);
  return sharp(data, { raw: { width: 16, height: 16, channels } });
};
const kindsOf = async (file: Uint8Array, options: ReadImageOptions = {}) =>
  (await decodeImage(file, options)).notes.map(({ kind }) => kind);
const tiffOf = (extra: readonly number[], strip: readonly number[], colours = 3) => {
  const samples = colours + extra.length;
  const depths = new Array(samples).fill(8);
  const tags = { 256: 2, 257: 1, 258: depths, 262: colours === 3 ? 2 : 1, 277: samples, 278: 1, 338: extra };
  return plainTiff(tags, Uint8Array.from(strip));
};

test("gives no note for an image that is read as stored", async () => {
  for (const file of [flat(3).png(), flat(1).jpeg(), flat(4, 255).webp({ lossless: true }), flat(3).tiff()]) {
    expect(await kindsOf(await file.toBuffer())).toEqual([]);
  }
});

test("notes for each file what other readers would read differently", async () => {
  const jpeg = exifOf(await flat(1).jpeg().toBuffer(), 6);
  expect(await kindsOf(jpeg)).toEqual(["rotated"]);
  expect(await kindsOf(exifOf(await flat(1).jpeg().toBuffer(), 1))).toEqual([]);
  const cmykTags = { 256: 1, 257: 1, 258: [8, 8, 8, 8], 262: 5, 277: 4, 278: 1 };
  expect(await kindsOf(plainTiff(cmykTags, Uint8Array.of(1, 2, 3, 4)))).toEqual(["cmyk"]);
  const deep = flat(1, 300, 16).toColourspace("grey16");
  expect(await kindsOf(await deep.png().toBuffer())).toEqual(["grey16"]);
  const colour = flat(3, 300, 16).toColourspace("rgb16");
  expect(await kindsOf(await colour.png().toBuffer())).toEqual(["colour16"]);
  const avif = (chromaSubsampling: string) => flat(3).avif({ chromaSubsampling }).toBuffer();
  expect(await kindsOf(await avif("4:2:0"))).toEqual(["subsampled-avif"]);
  expect(await kindsOf(await avif("4:4:4"))).toEqual([]);
});

test("notes that only the first of several frames or pages is read", async () => {
  const [a, b] = await Promise.all([flat(3, 10).png().toBuffer(), flat(3, 200).png().toBuffer()]);
  const frames = sharp([a, b], { join: { animated: true } });
  for (const file of [frames.clone().gif(), frames.clone().webp({ lossless: true }), frames.clone().tiff()]) {
    const { pixels, notes } = await decodePixels(await file.toBuffer());
    expect(notes.map(({ kind }) => kind)).toEqual(["first-frame"]);
    expect([pixels.width, pixels.height, pixels.data[0]]).toEqual([16, 16, 10]);
  }
  // An animated PNG is one that states a number of frames before its pixels.
  const control = Buffer.from("000000086163544c0000000200000000f38d9370", "hex");
  const animated = Buffer.concat([a.subarray(0, 33), control, a.subarray(33)]);
  expect(await kindsOf(animated)).toEqual(["first-frame"]);
  expect(await kindsOf(a)).toEqual([]);
});

// ExtraSamples of TIFF 6.0: 0 unspecified, 1 alpha that the colours are multiplied by, 2 alpha.
test("treats an extra sample of a TIFF as transparency only where the file says so", async () => {
  const two = [100, 50, 20, 128, 10, 20, 30, 255];
  const read = async (file: Uint8Array) => {
    const { pixels, notes } = await decodePixels(file);
    return { samples: Array.from(pixels.data), channels: pixels.channels, kinds: notes.map(({ kind }) => kind) };
  };
  const colours = [100, 50, 20, 10, 20, 30];
  expect(await read(tiffOf([0], two))).toEqual({ samples: colours, channels: 3, kinds: ["extra-samples"] });
  expect(await read(tiffOf([2], two))).toEqual({ samples: two, channels: 4, kinds: [] });
  // 100 x 255 / 128 and so on
  const straight = [199, 99, 39, 128, 10, 20, 30, 255];
  expect(await read(tiffOf([1], two))).toEqual({ samples: straight, channels: 4, kinds: [] });

  const three = [100, 50, 20, 7, 128, 10, 20, 30, 8, 255];
  expect(await read(tiffOf([0, 0], three))).toEqual({ samples: colours, channels: 3, kinds: ["extra-samples"] });
  expect(await read(tiffOf([0, 2], three))).toEqual({ samples: two, channels: 4, kinds: ["extra-samples"] });
  expect((await read(tiffOf([2, 0], three))).samples).toEqual([100, 50, 20, 7, 10, 20, 30, 8]);
  const grey = { samples: [100, 20], channels: 1, kinds: ["extra-samples"] };
  expect(await read(tiffOf([0], [100, 50, 20, 128], 1))).toEqual(grey);
  const greyAlpha = { samples: [100, 50, 20, 128], channels: 2, kinds: [] };
  expect(await read(tiffOf([2], [100, 50, 20, 128], 1))).toEqual(greyAlpha);
});

test("notes transparent pixels that were composited, or compared", async () => {
  const half = await flat(4, 100).png().toBuffer();
  const { notes } = await decodeImage(half, { background: "checker" });
  expect(notes).toEqual([{ kind: "composited", text: "has transparent pixels, which were laid over checker" }]);
  expect(await kindsOf(half, { alpha: "compare" })).toEqual(["alpha-compared"]);
  expect(await kindsOf(await flat(4, 255).png().toBuffer(), { alpha: "composite" })).toEqual([]);
});

test("counts the notes of a set by their kind", () => {
  const kinds = ["cmyk", "rotated", "composited", "rotated"] as const;
  expect(decodeSummary(kinds.map((kind) => ({ kind })))).toBe("2 rotated by EXIF, 1 CMYK, 1 composited");
  expect(decodeSummary([])).toBeUndefined();
});
