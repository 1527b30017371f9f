import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp, { type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { readImage, readPixels } from "../../packages/reconloss/src/image/read.ts";
import { temporaryFolder } from "../folder.ts";
import { exifOf } from "./exif.ts";
import { decodePlainPng } from "./plain-png.ts";

const folder = await temporaryFolder();
const goldens = fileURLToPath(new URL("../goldens/inputs/", import.meta.url));
const shared = process.env.RECONLOSS_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));

async function store(name: string, content: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

/** An encoder's starting point: these samples, kept in their colour space. */
function raw(data: Uint8Array | Uint16Array, width: number, height: number): Sharp {
  const channels = (data.length / (width * height)) as 1 | 2 | 3 | 4;
  const spaces = data instanceof Uint16Array ? ["grey16", "rgb16"] : ["b-w", "srgb"];
  return sharp(data, { raw: { width, height, channels } }).toColourspace(spaces[channels > 2 ? 1 : 0]);
}

/** Samples that differ from pixel to pixel and channel to channel over the whole range. */
function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 37 + (i >> 4) * 11) % 256);
}
function words(length: number): Uint16Array {
  return Uint16Array.from({ length }, (_, i) => (i * 7919 + 13) % 65536);
}

/** An uncompressed little-endian TIFF whose directory comes before its one strip, with one value per tag. */
function tiffOf(tags: Record<number, number>, strip: Uint8Array): Buffer {
  const entries = Object.entries({ ...tags, 273: 0, 279: strip.length }).map(([tag, value]) => [Number(tag), value]);
  const file = Buffer.alloc(8 + 2 + entries.length * 12 + 4);
  file.write("II*\0");
  file.writeUInt32LE(8, 4);
  file.writeUInt16LE(entries.length, 8);
  entries.forEach(([tag, value], i) => {
    file.writeUInt16LE(tag, 10 + i * 12);
    file.writeUInt16LE(4, 12 + i * 12);
    file.writeUInt32LE(1, 14 + i * 12);
    file.writeUInt32LE(tag === 273 ? file.length : value, 18 + i * 12);
  });
  return Buffer.concat([file, strip]);
}
const greyTiff = { 256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 277: 1, 278: 16 };

describe("samples are read as stored", () => {
  test.each(["scene.png", "gray.png", "u16.png"])(
    "%s equals a decoder written from the PNG specification",
    async (name) => {
      const expected = decodePlainPng(await readFile(join(goldens, name)));
      const pixels = await readPixels(join(goldens, name));
      expect(pixels.data).toBeInstanceOf(expected.bits === 16 ? Uint16Array : Uint8Array);
      expect([pixels.width, pixels.height]).toEqual([expected.width, expected.height]);
      expect(Array.from(pixels.data)).toEqual(expected.samples);

      const tensor = await readImage(join(goldens, name));
      expect(tensor.shape).toEqual([1, name === "gray.png" ? 1 : 3, expected.height, expected.width]);
      const max = expected.bits === 16 ? 65535 : 255;
      const last = expected.samples.length - 1;
      expect(tensor.data[tensor.data.length - 1]).toBe(Math.fround(expected.samples[last] / max));
    },
  );

  for (const part of ["goldens/inputs", "reference/images"]) {
    const images = join(shared, part);
    test.skipIf(!existsSync(images))(`every PNG of ${part}, too`, async () => {
      const names = (await readdir(images)).filter((name) => name.endsWith(".png"));
      expect(names.length).toBeGreaterThan(0);
      for (const name of names) {
        const expected = decodePlainPng(await readFile(join(images, name)));
        const { data } = await readPixels(join(images, name));
        expect(
          Buffer.compare(
            Buffer.from(data),
            Buffer.from((data.constructor as typeof Uint8Array).from(expected.samples)),
          ),
          name,
        ).toBe(0);
      }
    });
  }

  const layouts: [string, number][] = [
    ["grey", 1],
    ["grey and alpha", 2],
    ["RGB", 3],
    ["RGB and alpha", 4],
  ];
  const encoders = {
    png: (image: Sharp) => image.png(),
    tiff: (image: Sharp) => image.tiff({ compression: "lzw" }),
  };
  for (const [format, encode] of Object.entries(encoders)) {
    test.each(layouts)(`8- and 16-bit ${format}, %s`, async (layout, channels) => {
      for (const data of [bytes(35 * channels), words(35 * channels)]) {
        const path = await store(
          `${layout} ${data.BYTES_PER_ELEMENT}.${format}`,
          await encode(raw(data, 7, 5)).toBuffer(),
        );
        expect(await readPixels(path)).toEqual({ data, width: 7, height: 5, channels });
      }
    });
  }

  test("lossless WebP and AVIF", async () => {
    const data = bytes(16 * 16 * 3);
    const files = [raw(data, 16, 16).webp({ lossless: true }), raw(data, 16, 16).avif({ lossless: true })];
    for (const [i, file] of files.entries()) {
      expect((await readPixels(await store(`lossless ${i}`, await file.toBuffer()))).data).toEqual(data);
    }
  });

  test("white in 10- and 12-bit AVIF is 65535, and levels are evenly spaced", async () => {
    for (const bitdepth of [10, 12] as const) {
      const steps = 2 ** bitdepth - 1;
      const levels = Uint16Array.from({ length: 32 * 32 * 3 }, (_, i) => Math.floor(i / 3));
      const shifted = levels.map((level) => (level * (bitdepth === 12 ? 4 : 1)) << (16 - bitdepth));
      const file = await raw(shifted, 32, 32).avif({ bitdepth, lossless: true }).toBuffer();
      const { data } = await readPixels(await store(`deep ${bitdepth}.avif`, file));
      shifted.forEach((sample, i) => {
        const exact = ((sample >> (16 - bitdepth)) * 65535) / steps;
        expect(Math.abs(data[i] - exact)).toBeLessThan(1);
      });
      const white = await raw(new Uint16Array(48).fill(65535), 4, 4).avif({ bitdepth, lossless: true }).toBuffer();
      expect(Math.min(...(await readPixels(await store(`white ${bitdepth}.avif`, white))).data)).toBe(65535);
    }
  });

  test("palettes are expanded, in PNG and in the first frame of a GIF", async () => {
    const colours = [
      [255, 0, 0],
      [0, 255, 0],
      [0, 0, 255],
      [255, 255, 0],
    ];
    const data = Array.from({ length: 16 }, (_, i) => colours[i % 4]).flat();
    const png = await raw(Uint8Array.from(data), 4, 4).png({ palette: true }).toBuffer();
    expect(png[25]).toBe(3); // colour type: palette
    expect(Array.from((await readPixels(await store("palette.png", png))).data)).toEqual(data);
    const gif = await raw(Uint8Array.from(data), 4, 4).gif({ effort: 1, dither: 0 }).toBuffer();
    const { data: read, channels } = await readPixels(await store("palette.gif", gif));
    expect(Array.from(read).filter((_, i) => channels === 3 || i % 4 < 3)).toEqual(data);
  });

  test("an ICC profile of an RGB image is ignored", async () => {
    const data = bytes(4 * 4 * 3);
    const image = sharp(data, { raw: { width: 4, height: 4, channels: 3 } })
      .keepIccProfile()
      .withIccProfile("p3", { attach: true });
    const { data: stored, info } = await image.clone().raw().toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(3);
    expect(stored.equals(data)).toBe(false); // else the profile would make no difference
    const path = await store("p3.png", await image.png().toBuffer());
    expect((await sharp(path).metadata()).hasProfile).toBe(true);
    expect(Buffer.from((await readPixels(path)).data).equals(stored)).toBe(true);
  });

  // Where the EXIF standard puts the stored corners a b (top) and c d (bottom).
  test.each([
    [1, "abcd"],
    [2, "badc"],
    [3, "dcba"],
    [4, "cdab"],
    [5, "acbd"],
    [6, "cadb"],
    [7, "dbca"],
    [8, "bdac"],
  ])("EXIF orientation %d puts the corners at %s", async (orientation, corners) => {
    const levels = [0, 85, 170, 255];
    const quarters = Uint8Array.from({ length: 32 * 16 }, (_, i) => levels[(i % 32 < 16 ? 0 : 1) + (i < 256 ? 0 : 2)]);
    const jpeg = await raw(quarters, 32, 16).jpeg({ quality: 100 }).toBuffer();
    const path = await store(`turned ${orientation}.jpg`, exifOf(jpeg, orientation));
    const { data, width, height, channels } = await readPixels(path);
    expect([width, height, channels]).toEqual(orientation < 5 ? [32, 16, 1] : [16, 32, 1]);
    const seen = [0, width - 1, (height - 1) * width, height * width - 1].map((i) => "abcd"[Math.round(data[i] / 85)]);
    expect(seen.join("")).toBe(corners);
  });

  test("CMYK becomes RGB: no ink is white, each ink absorbs its own colour, black absorbs all", async () => {
    // Cyan absorbs red, magenta green, yellow blue; how much is the profile's affair.
    const inks: [number[], number[]][] = [
      [[0, 0, 0, 0], []],
      [[255, 0, 0, 0], [0]],
      [[0, 255, 0, 0], [1]],
      [[0, 0, 255, 0], [2]],
      [
        [0, 0, 0, 255],
        [0, 1, 2],
      ],
    ];
    for (const [ink, dark] of inks) {
      const tags = { 256: 16, 257: 16, 258: 8, 259: 1, 262: 5, 277: 4, 278: 16 };
      const tiff = tiffOf(
        tags,
        Uint8Array.from({ length: 16 * 16 * 4 }, (_, i) => ink[i % 4]),
      );
      const jpeg = await sharp(tiff)
        .pipelineColourspace("cmyk")
        .toColourspace("cmyk")
        .jpeg({ quality: 100 })
        .toBuffer();
      for (const [name, file] of Object.entries({ "cmyk.tif": tiff, "cmyk.jpg": jpeg })) {
        expect((await sharp(file).metadata()).space).toBe("cmyk");
        const { data, channels } = await readPixels(await store(name, file));
        expect(channels).toBe(3);
        const colour = Array.from(data.subarray(0, 3));
        expect(
          colour
            .map((level, c) => [c, level] as const)
            .filter(([, level]) => level < 110)
            .map(([c]) => c),
          `${ink}: ${colour}`,
        ).toEqual(dark);
        if (dark.length === 0) expect(colour).toEqual([255, 255, 255]);
      }
    }
  });

  test("a 1x1 image with a non-ASCII name", async () => {
    const path = await store(
      "ein Bild – 写真 🖼.png",
      await raw(Uint8Array.of(7, 8, 9), 1, 1)
        .png()
        .toBuffer(),
    );
    expect(await readPixels(path)).toEqual({ data: Uint8Array.of(7, 8, 9), width: 1, height: 1, channels: 3 });
  });

  test("a file that has changed is read again", async () => {
    for (const level of [1, 2]) {
      const path = await store("changing.png", await raw(Uint8Array.of(level), 1, 1).png().toBuffer());
      expect((await readPixels(path)).data[0]).toBe(level);
    }
  });
});

describe("transparency", () => {
  test("removes opaque alpha, and refuses or composites real transparency", async () => {
    const opaque = await store(
      "opaque.png",
      await raw(Uint8Array.of(255, 0, 51, 255), 1, 1)
        .png()
        .toBuffer(),
    );
    expect((await readImage(opaque)).data).toEqual(Float32Array.of(1, 0, 0.2));
    const clear = await store(
      "clear.webp",
      await raw(Uint8Array.of(255, 0, 51, 0), 1, 1)
        .webp({ lossless: true })
        .toBuffer(),
    );
    await expect(readImage(clear)).rejects.toMatchObject({
      code: "image",
      message: expect.stringMatching(/^.*clear\.webp: pixel \(0, 0\) is transparent/),
    });
    expect((await readImage(clear, { alpha: "composite" })).data).toEqual(Float32Array.of(1, 1, 1));
    expect((await readImage(clear, { background: [0, 0.5, 0] })).data).toEqual(Float32Array.of(0, 0.5, 0));
    await expect(readImage(opaque, { background: [2, 0, 0] })).rejects.toMatchObject({ code: "invalid-argument" });
  });
});

describe("what is not an image is refused with its path and a reason", () => {
  async function expectRefused(path: string, reason: RegExp, options = {}): Promise<void> {
    for (const read of [readPixels, readImage]) {
      const error = await read(path, options).then(
        () => expect.fail(`${path} was read`),
        (thrown: Error) => thrown,
      );
      expect(error).toMatchObject({ name: "ReconlossError", code: "image" });
      expect(error.message.startsWith(`cannot read ${path}: `), error.message).toBe(true);
      expect(error.message).toMatch(reason);
    }
  }

  test("missing, a folder, empty, text, another kind of picture", async () => {
    await expectRefused(join(folder, "none.png"), /no such file/);
    await mkdir(join(folder, "folder.png"), { recursive: true });
    await expectRefused(join(folder, "folder.png"), /it is a folder/);
    await expectRefused(await store("empty.png", ""), /empty \(0 bytes\)/);
    await expectRefused(await store("text.png", "I am not a picture.\n"), /not an image.*PNG, JPEG/);
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';
    await expectRefused(await store("drawing.png", svg), /it is svg; PNG, JPEG, WebP, AVIF, TIFF, GIF/);
  });

  const encoders: Record<string, (image: Sharp) => Sharp> = {
    png: (image) => image.png(),
    jpg: (image) => image.jpeg(),
    "progressive jpg": (image) => image.jpeg({ progressive: true }),
    webp: (image) => image.webp(),
    avif: (image) => image.avif(),
    tif: (image) => image.tiff({ compression: "lzw" }),
    gif: (image) => image.gif(),
  };
  test.each(Object.keys(encoders))("%s cut short, anywhere", async (format) => {
    const file = await encoders[format](raw(bytes(48 * 40 * 3), 48, 40)).toBuffer();
    for (const part of [0.002, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98]) {
      const path = await store(`cut.${format}`, file.subarray(0, Math.ceil(file.length * part)));
      await expectRefused(path, /damaged/);
    }
  });

  test("a TIFF whose directory is whole but whose strip is cut", async () => {
    const whole = tiffOf(greyTiff, bytes(256));
    expect((await readPixels(await store("strip.tif", whole))).data).toEqual(bytes(256));
    await expectRefused(await store("cut strip.tif", whole.subarray(0, whole.length - 100)), /damaged or truncated/);
  });

  test("a JPEG corrupted in the middle, and a PNG with one wrong byte", async () => {
    const jpeg = await raw(bytes(48 * 40 * 3), 48, 40)
      .jpeg()
      .toBuffer();
    jpeg.fill(0x5a, jpeg.length - 400, jpeg.length - 300);
    await expectRefused(await store("garbled.jpg", jpeg), /damaged or truncated/);
    const png = await raw(bytes(48 * 40 * 3), 48, 40)
      .png()
      .toBuffer();
    png[png.length - 100] ^= 1;
    await expectRefused(await store("garbled.png", png), /damaged or truncated/);
  });

  test("32-bit samples", async () => {
    const floats = new Uint8Array(new Float32Array(256).fill(0.5).buffer);
    await expectRefused(await store("long.tif", tiffOf({ ...greyTiff, 258: 32 }, floats)), /samples of type uint/);
  });

  test("absurd dimensions, in a header alone and in a real file; limitPixels raises the limit", async () => {
    const png = await raw(bytes(12), 2, 2).png().toBuffer();
    png.writeUInt32BE(500_000, 16);
    png.writeUInt32BE(500_000, 20);
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
    await expectRefused(await store("absurd.png", png), /500000x500000 pixels.*limitPixels allows \(\d+\); raise it/);
    const small = await store("small.png", await raw(bytes(300), 10, 10).png().toBuffer());
    await expectRefused(small, /10x10 pixels.*\(99\)/, { limitPixels: 99 });
    expect((await readPixels(small, { limitPixels: 100 })).width).toBe(10);
    await expect(readPixels(small, { limitPixels: 0 })).rejects.toMatchObject({ code: "invalid-argument" });
  });

  test.skipIf(process.platform === "win32" || process.getuid?.() === 0)("a file without read permission", async () => {
    const path = await store("closed.png", "x");
    await chmod(path, 0);
    await expectRefused(path, /permission denied/);
  });
});

/** CRC-32 as PNG wants it over a chunk's type and data. */
function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
