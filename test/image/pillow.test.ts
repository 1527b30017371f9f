import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { decodeImage, readPixels } from "../../packages/reconloss/src/image/index.ts";
import { exifOf } from "./exif.ts";
import { plainTiff } from "./plain-tiff.ts";

// Every expected number below is what Pillow 9.4.0 gives: numpy.array(Image.open(path).convert("RGB")) of a file of these samples.

const pillow = { decode: "pillow" } as const;

async function read(file: Uint8Array) {
  const { data, width, height, channels } = await readPixels(file, pillow);
  return { samples: Array.from(data), width, height, channels };
}

function raw(samples: readonly number[], width: number, channels: 1 | 2 | 3 | 4, bits: 8 | 16 = 8) {
  const data = bits === 8 ? Uint8Array.from(samples) : Uint16Array.from(samples);
  const space = { 8: ["b-w", "srgb"], 16: ["grey16", "rgb16"] }[bits][channels > 2 ? 1 : 0];
  const height = samples.length / width / channels;
  return sharp(data, { raw: { width, height, channels } }).toColourspace(space);
}

const rgbTiff = (width: number, channels: number) => ({
  256: width,
  257: 1,
  258: new Array(channels).fill(8),
  277: channels,
  278: 1,
});

describe("CMYK is converted without a profile", () => {
  const inks = [
    ...[172, 47, 117, 192, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255],
    ...[10, 200, 30, 40, 128, 128, 128, 128, 1, 2, 3, 4, 254, 127, 64, 33],
  ];
  const colours = [
    ...[21, 51, 34, 255, 255, 255, 0, 255, 255, 0, 0, 0],
    ...[207, 46, 190, 63, 63, 63, 250, 249, 248, 1, 111, 166],
  ];
  const cmykTiff = (strip: number[], width: number, height = 1) =>
    plainTiff({ ...rgbTiff(width, 4), 257: height, 262: 5, 278: height }, Uint8Array.from(strip));

  test("in TIFF", async () => {
    expect(await read(cmykTiff(inks, 8))).toEqual({ samples: colours, width: 8, height: 1, channels: 3 });
  });

  test("in JPEG, whose inks are stored inverted", async () => {
    for (let colour = 0; colour < 8; colour++) {
      const ink = inks.slice(4 * colour, 4 * colour + 4);
      const flat = cmykTiff(new Array(64).fill(ink).flat(), 8, 8);
      const jpeg = await sharp(flat)
        .pipelineColourspace("cmyk")
        .toColourspace("cmyk")
        .jpeg({ quality: 100 })
        .toBuffer();
      const { samples } = await read(jpeg);
      // The quantisation of a JPEG of the highest quality moves an ink by 1 at the most.
      samples.slice(0, 3).forEach((value, c) => {
        expect(Math.abs(value - colours[3 * colour + c])).toBeLessThanOrEqual(2);
      });
    }
  });
});

describe("16 bits are reduced to 8", () => {
  test("by clipping grey at 255, in PNG, TIFF and PGM", async () => {
    const png = await raw([0, 1, 255, 256, 257, 40000], 6, 1, 16).png().toBuffer();
    const tiff = await raw([0, 1, 255, 256, 257, 40000], 6, 1, 16).tiff({ compression: "none" }).toBuffer();
    for (const file of [png, tiff]) expect((await read(file)).samples).toEqual([0, 1, 255, 255, 255, 255]);
    const pgm = Buffer.concat([Buffer.from("P5 4 1 65535\n"), Buffer.from("000000ff0100ffff", "hex")]);
    expect((await read(pgm)).samples).toEqual([0, 255, 255, 255]);
  });

  test("by keeping the high byte of colour, and of grey with alpha", async () => {
    const rgb = await raw([0, 255, 256, 511, 512, 65535, 40000, 40191, 39936], 3, 3, 16).png().toBuffer();
    expect((await read(rgb)).samples).toEqual([0, 0, 1, 1, 2, 255, 156, 156, 156]);
    expect((await decodeImage(rgb, pillow)).notes.map(({ kind }) => kind)).toEqual(["colour16-by-pillow"]);
    const rgba = await raw([0, 255, 256, 0, 511, 512, 65535, 300], 2, 4, 16).png().toBuffer();
    expect(await read(rgba)).toEqual({ samples: [0, 0, 1, 1, 2, 255], width: 2, height: 1, channels: 3 });
    const grey = await raw([0, 5, 511, 512, 40000, 9], 3, 2, 16).png().toBuffer();
    expect(await read(grey)).toEqual({ samples: [0, 1, 156], width: 3, height: 1, channels: 1 });
  });

  test("by rounding the colour of a PPM", async () => {
    const values = Uint16Array.of(0, 128, 129, 385, 386, 65406, 65407, 65535, 40000);
    const samples = Buffer.from(values.buffer).swap16();
    const ppm = Buffer.concat([Buffer.from("P6 3 1 65535\n"), samples]);
    expect((await read(ppm)).samples).toEqual([0, 0, 1, 1, 2, 254, 255, 255, 156]);
  });

  test("by clipping floating point to 0 and 255 and truncating it", async () => {
    const floats = Float32Array.of(-1, 0.5, 1, 2.7, 254.9, 300);
    const tags = { 256: 6, 257: 1, 258: 32, 262: 1, 277: 1, 278: 1, 339: 3 };
    expect((await read(plainTiff(tags, new Uint8Array(floats.buffer)))).samples).toEqual([0, 0, 1, 2, 254, 255]);
  });
});

describe("transparency is dropped", () => {
  test("keeping the colours stored under it", async () => {
    const rgba = await raw([10, 20, 30, 0, 51, 51, 1, 2, 40, 9, 3, 255], 3, 4).png().toBuffer();
    expect((await read(rgba)).samples).toEqual([10, 20, 30, 51, 51, 1, 40, 9, 3]);
    const grey = await raw([0, 5, 51, 51, 40, 9], 3, 2).png().toBuffer();
    expect((await read(grey)).samples).toEqual([0, 51, 40]);
    const { image, notes } = await decodeImage(rgba, pillow); // not refused either
    expect(image.shape).toEqual([1, 3, 1, 3]);
    expect(notes.map(({ kind }) => kind)).toEqual(["alpha-dropped"]);
  });

  test("except in a GIF, whose decoder discards them", async () => {
    const gif = await raw([10, 20, 30, 0, 51, 51, 1, 255], 2, 4).gif().toBuffer();
    await expect(readPixels(gif, pillow)).rejects.toThrow(/GIF with transparent pixels/);
  });
});

test("ignores EXIF orientation, and applies TIFF's own tag", async () => {
  const levels = Array.from({ length: 16 * 8 }, (_, i) => i);
  const jpeg = exifOf(await raw(levels, 16, 1).jpeg({ quality: 100 }).toBuffer(), 6);
  const notRotated = await decodeImage(jpeg, pillow);
  expect([notRotated.image.shape, notRotated.notes[0].kind]).toEqual([[1, 1, 8, 16], "not-rotated"]);
  const tags = { 256: 16, 257: 8, 258: 8, 262: 1, 274: 6, 277: 1, 278: 8 };
  const { samples, width, height } = await read(plainTiff(tags, Uint8Array.from(levels)));
  expect([width, height, samples[0]]).toEqual([8, 16, 112]);
});

test("equals the default reader for 8-bit images without alpha", async () => {
  const samples = Array.from({ length: 48 }, (_, i) => (i * 37) % 256);
  const files = [
    raw(samples, 4, 3).png(),
    raw(samples, 4, 3).jpeg(),
    raw(samples, 6, 1).webp(),
    raw(samples, 6, 1).tiff(),
  ];
  for (const file of files) {
    const bytes = await file.toBuffer();
    expect(await readPixels(bytes, pillow)).toEqual(await readPixels(bytes));
  }
});

test("refuses an unknown name", async () => {
  await expect(readPixels(new Uint8Array(1), { decode: "opencv" as never })).rejects.toThrow(
    /decode must be "stored" or "pillow", got "opencv"/,
  );
});
