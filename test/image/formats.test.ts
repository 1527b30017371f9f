import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { knownExtensions } from "../../packages/reconloss/src/image/formats.ts";
import { decodeImage, decodePixels, readImage, readPixels } from "../../packages/reconloss/src/image/read.ts";
import { plainTiff } from "./plain-tiff.ts";

const goldens = fileURLToPath(new URL("../goldens/formats/", import.meta.url));
const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const joined = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);

/** The pixels that Pillow 9.4 reads from the files of this folder, which it and Netpbm wrote, or which were put together by hand from the formats' descriptions. */
const pillow: Record<string, { shape: number[]; samples: number[] }> = JSON.parse(
  await readFile(join(goldens, "expected.json"), "utf8"),
);

test.each(Object.entries(pillow))("decodes %s to the same samples as Pillow", async (name, { shape, samples }) => {
  const pixels = await readPixels(join(goldens, name));
  const [height, width, stored = 1] = shape;
  expect([pixels.width, pixels.height]).toEqual([width, height]);
  // A palette of greys is one channel here, three in Pillow.
  const expected = stored === 3 && pixels.channels === 1 ? samples.filter((_, i) => i % 3 === 0) : samples;
  expect(Array.from(pixels.data)).toEqual(expected);
  expect(pixels.data).toBeInstanceOf(name.startsWith("grey1") ? Uint16Array : Uint8Array);
});

test("every file of the folder is compared with Pillow, or is floating point", async () => {
  const others = (await readdir(goldens)).filter((name) => !(name in pillow));
  expect(others.sort()).toEqual(["expected.json", "grey.pfm", "npy", "rgb.pfm"]);
});

describe("floating-point values are kept", () => {
  // (i - 100) / 137 for sample i of 13x7 pixels of RGB, of which grey is red.
  const sample = (i: number) => Math.fround((i - 100) / 137);

  test.each(["rgb.pfm", "grey.pfm"])("in %s, of either byte order, from the bottom up", async (name) => {
    const { pixels, notes } = await decodePixels(join(goldens, name));
    const step = name === "rgb.pfm" ? 1 : 3;
    expect(pixels).toMatchObject({ width: 13, height: 7, channels: step === 1 ? 3 : 1 });
    expect(Array.from(pixels.data)).toEqual(Array.from({ length: (13 * 7 * 3) / step }, (_, i) => sample(i * step)));
    expect(notes.map(({ kind }) => kind)).toEqual(["outside-range"]);
    expect((await readImage(join(goldens, name))).data).toContain(sample(0));
    await expect(readPixels(join(goldens, name))).rejects.toMatchObject({
      code: "image",
      message: expect.stringMatching(/contains floating-point samples; use decodePixels or readImage/),
    });
  });

  test.each([1, 3])("in TIFF with %d channels", async (channels) => {
    const values = Float32Array.from({ length: 16 * 16 * channels }, (_, i) => (i - 100) / 137);
    const tags = { 256: 16, 257: 16, 258: 32, 259: 1, 262: channels === 3 ? 2 : 1, 277: channels, 278: 16, 339: 3 };
    const { pixels, notes } = await decodePixels(plainTiff(tags, new Uint8Array(values.buffer)));
    expect(pixels).toEqual({ data: values, width: 16, height: 16, channels });
    expect(notes.map(({ kind }) => kind)).toEqual(["outside-range"]);
  });

  test("without a note in [0, 1], with a located error for NaN and infinity", async () => {
    const pfm = (...values: number[]) =>
      joined(text(`Pf\n${values.length} 1\n-1\n`), new Uint8Array(Float32Array.from(values).buffer));
    expect((await decodePixels(pfm(0, 0.5, 1))).notes).toEqual([]);
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(decodePixels(pfm(0, broken, 1))).rejects.toMatchObject({
        code: "image",
        message: expect.stringContaining(`it holds ${broken} at pixel (1, 0)`),
      });
    }
  });

  test("with a note for the scale factor of a PFM, which is not applied", async () => {
    const pfm = joined(text("Pf\n1 1\n-2.5\n"), new Uint8Array(Float32Array.of(0.5).buffer));
    const { image, notes } = await decodeImage(pfm);
    expect(image.data[0]).toBe(0.5);
    expect(notes.map(({ kind }) => kind)).toEqual(["scale-ignored"]);
  });
});

describe("Netpbm", () => {
  test("reads comments, and depths between 8 and 16 bits", async () => {
    expect((await readPixels(text("P2 # a comment\n# another\n3 1\n# and one\n100\n0 50 100"))).data).toEqual(
      Uint8Array.of(0, 128, 255),
    );
    expect((await readPixels(text("P2 3 1 300 0 150 300"))).data).toEqual(Uint16Array.of(0, 32768, 65535));
  });

  test("reads 1 in a bitmap as black, with or without space between the bits", async () => {
    for (const bits of ["011001", "0 1 1 0 0 1"]) {
      expect((await readPixels(text(`P1 3 2 ${bits}`))).data).toEqual(Uint8Array.of(255, 0, 0, 255, 255, 0));
    }
  });

  test.each([
    ["too few samples", "P2 2 2 255 1 2 3", /truncated/],
    ["a sample above the largest", "P2 2 1 100 1 101", /a sample is 101, but at most 100/],
    ["no largest sample", "P2 2 1 0 1 1", /its largest sample is 0/],
    ["nothing wide", "P2 0 4 255 ", /0x4 pixels/],
    ["a word for a number", "P2 2 1 255 1 x", /truncated/],
  ])("refuses %s", async (_, content, message) => {
    await expect(readPixels(text(content))).rejects.toMatchObject({
      code: "image",
      message: expect.stringMatching(message),
    });
  });
});

describe("NumPy arrays", async () => {
  /** Written by numpy 1.24: arange(5 * 7 * 3) modulo what the type holds (floats: (i - 40) / 64), in the named type, order and layout. */
  const files = (await readdir(join(goldens, "npy"))).sort();
  const sample = (type: string, i: number) =>
    type.startsWith("f")
      ? Math.fround((i - 40) / 64)
      : (i * (type === "u2" ? 613 : 37)) % (type === "u2" ? 65536 : 256);

  test.each(files)("%s", async (name) => {
    // Such as "f4 big fortran hwc.npy".
    const [type, , , layout] = name.slice(0, -4).split(" ");
    const { pixels } = await decodePixels(join(goldens, "npy", name));
    const channels = layout === "hw" ? 1 : 3;
    expect(pixels).toMatchObject({ width: 7, height: 5, channels });
    // Numbered as [h, w, c], whatever the layout.
    expect(Array.from(pixels.data)).toEqual(Array.from({ length: 35 * channels }, (_, i) => sample(type, i)));
    const made = { u1: Uint8Array, u2: Uint16Array }[type] ?? Float32Array;
    expect(pixels.data).toBeInstanceOf(made);
  });

  test("covers all types, byte orders, axis orders and memory layouts", () => {
    expect(files).toHaveLength(5 * 2 * 2 * 3);
  });

  const npy = (descr: string, shape: string, size: number) => {
    const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }\n`;
    return joined(
      Uint8Array.of(0x93),
      text("NUMPY"),
      Uint8Array.of(1, 0, header.length, 0),
      text(header),
      new Uint8Array(size),
    );
  };
  test.each([
    ["int32", "<i4", "2, 2", 16, /it holds int32; as images, uint8, uint16, float16, float32, float64 can be read/],
    ["a vector", "|u1", "4", 4, /an array of 4; \[h, w\]/],
    ["two channels", "|u1", "9, 9, 2", 162, /an array of 9x9x2; \[h, w\]/],
    ["a batch", "|u1", "2, 5, 5, 3", 150, /an array of 2x5x5x3; \[h, w\]/],
    ["either end could be channels", "|u1", "3, 5, 3", 45, /3x5x3, whose first or last axis could be the channels/],
    ["cut short", "|u1", "5, 5", 20, /it should be \d+ bytes/],
    ["no pixels", "|u1", "0, 5", 0, /empty \(5x0 pixels\)/],
    ["objects", "|O", "2, 2", 32, /it holds Python objects, which are never unpickled/],
  ])("refuses an invalid array: %s", async (_, descr, shape, size, message) => {
    await expect(decodePixels(npy(descr, shape, size))).rejects.toMatchObject({
      code: "image",
      message: expect.stringMatching(message),
    });
  });

  test("reads RGB and alpha", async () => {
    const bytes = npy("|u1", "5, 6, 4", 120);
    bytes.fill(255, bytes.length - 120);
    expect(await decodePixels(bytes)).toMatchObject({ pixels: { channels: 4, width: 6, height: 5 } });
    expect((await readImage(bytes)).shape).toEqual([1, 3, 5, 6]);
  });
});

describe("an unsupported format is recognised by its content, with a suggested conversion", () => {
  const box = (...brands: string[]) =>
    joined(
      Uint8Array.of(0, 0, 0, 8 + 4 * (brands.length + 1)),
      text(`ftyp${brands[0]}\0\0\0\0${brands.slice(1).join("")}`),
    );
  test.each([
    ["HEIC", box("heic", "mif1", "heic"), "PNG"],
    ["HEIC", box("mif1", "heic"), "PNG"],
    ["JPEG XL", Uint8Array.of(0xff, 0x0a, 1, 2), "PNG"],
    ["JPEG XL", joined(Uint8Array.of(0, 0, 0, 12), text("JXL \r\n"), Uint8Array.of(0x87, 0x0a)), "PNG"],
    ["JPEG 2000", joined(Uint8Array.of(0, 0, 0, 12), text("jP  \r\n"), Uint8Array.of(0x87, 0x0a)), "PNG"],
    ["JPEG 2000", Uint8Array.of(0xff, 0x4f, 0xff, 0x51), "PNG"],
    ["OpenEXR", Uint8Array.of(0x76, 0x2f, 0x31, 0x01, 2, 0, 0, 0), "PFM or 32-bit TIFF"],
    ["Photoshop", text("8BPS\0\x01"), "PNG"],
    ["PAM", text("P7\nWIDTH 2\n"), "PNG"],
  ])("%s", async (name, content, target) => {
    await expect(readImage(content, { name: "a.png" })).rejects.toMatchObject({
      code: "image",
      message: expect.stringMatching(new RegExp(`a\\.png: it is ${name}; .*not supported: convert it to ${target}`)),
    });
  });
});

describe("TIFF files that would be misread are refused with a reason", () => {
  // One pixel of so many samples, by the numbers of TIFF 6.0.
  const tiff = (tags: Record<number, number | number[]>, bytes = 4) =>
    plainTiff({ 256: 1, 257: 1, 258: [8, 8, 8], 262: 2, 277: 3, 278: 1, ...tags }, new Uint8Array(bytes).fill(9));

  test.each([
    // Camera raw files begin with such a page: a thumbnail would be compared for the photograph.
    ["a reduced first page", tiff({ 254: 1 }), /its first page is a thumbnail/],
    ["64 bits", tiff({ 258: [64, 64, 64], 339: [3, 3, 3] }, 24), /samples of 64 bits/],
    [
      "samples that nothing names",
      tiff({ 258: [8, 8, 8, 8], 277: 4 }),
      /4 samples for a pixel.*ExtraSamples.*beyond 3/,
    ],
  ])("%s", async (_, file, reason) => {
    await expect(decodePixels(file)).rejects.toMatchObject({ code: "image", message: expect.stringMatching(reason) });
  });

  test("the same file without these fields is read", async () => {
    expect((await decodePixels(tiff({}))).pixels).toMatchObject({ width: 1, height: 1, channels: 3 });
    expect((await decodePixels(tiff({ 258: [8, 8, 8, 8], 277: 4, 338: 0 }))).pixels.channels).toBe(3);
  });
});

test.each(["scan.tga", "photo.DNG", "photo.cr2", "page.pcx", "x.heic"])(
  "recognises %s, whose content is ambiguous, by its extension",
  async (name) => {
    const file = new Uint8Array(64);
    await expect(decodePixels(file, { name })).rejects.toThrow(/it is .* is not supported: convert it to PNG/);
    expect(knownExtensions.has(extname(name).toLowerCase())).toBe(true);
  },
);

test.each([{ alpha: "composite" }, { alpha: "reject" }, { background: "red" }] as const)(
  "Pillow's way drops alpha, and refuses %o",
  async (options) => {
    const file = text("P2 1 1 255 0");
    await expect(decodeImage(file, { ...options, decode: "pillow" })).rejects.toThrow(/drops alpha, so it takes no/);
    await decodeImage(file, options);
  },
);

describe("bytes instead of a path", async () => {
  const png = await sharp(Uint8Array.of(1, 2, 3), { raw: { width: 1, height: 1, channels: 3 } })
    .png()
    .toBuffer();

  test("are decoded from a Buffer, a part of one and a Uint8Array", async () => {
    const inside = joined(Uint8Array.of(9, 9, 9), png).subarray(3);
    for (const bytes of [png, inside, Uint8Array.from(png)]) {
      expect((await readPixels(bytes)).data).toEqual(Uint8Array.of(1, 2, 3));
      expect((await readImage(bytes)).shape).toEqual([1, 3, 1, 1]);
    }
  });

  test("are never printed in errors, which use the given name instead", async () => {
    const cut = png.subarray(0, 40);
    await expect(readImage(cut)).rejects.toThrow(/^cannot read the image: it is damaged/);
    await expect(readPixels(cut, { name: "set/3.png" })).rejects.toThrow(/^cannot read set\/3\.png: /);
    for (const wrong of [null, 5, { path: "x" }, [1, 2]]) {
      await expect(readImage(wrong as never)).rejects.toMatchObject({
        name: "ReconlossError",
        code: "invalid-argument",
        message: "readImage: expected a path or the bytes of a file",
      });
    }
  });
});

describe("a JPEG with extraneous bytes is read with a note, a truncated one is refused", async () => {
  const samples = Uint8Array.from({ length: 48 * 40 * 3 }, (_, i) => (i * 37 + (i >> 4) * 11) % 256);
  const jpeg = await sharp(samples, { raw: { width: 48, height: 40, channels: 3 } })
    .jpeg()
    .toBuffer();
  const expected = await readPixels(jpeg);
  const insertAt = (at: number, ...bytes: number[]) =>
    joined(jpeg.subarray(0, at), Uint8Array.from(bytes), jpeg.subarray(at));
  const frame = jpeg.indexOf(Uint8Array.of(0xff, 0xc0));

  test("before a marker of the header", async () => {
    expect(frame).toBeGreaterThan(0);
    // 0xff 0 is what stands for 0xff in a scan, and no marker.
    for (const extra of [[1], [1, 2, 3, 4, 5], [0, 0, 0], [0xff, 0]]) {
      const { pixels, notes } = await decodePixels(insertAt(frame, ...extra));
      expect(pixels).toEqual(expected);
      expect(notes.map(({ kind }) => kind)).toEqual(["extra-bytes"]);
    }
  });

  test("no note for an intact file, nor for bytes after its end", async () => {
    expect((await decodePixels(jpeg)).notes).toEqual([]);
    expect((await decodePixels(joined(jpeg, new Uint8Array(100)))).notes).toEqual([]);
  });

  test("before a restart marker", async () => {
    // Equal 8x8 blocks of mid grey below one another, each an interval of its own: the scan of one, a restart marker, the same scan ...
    const one = await sharp(new Uint8Array(64).fill(128), { raw: { width: 8, height: 8, channels: 1 } })
      .toColourspace("b-w")
      .jpeg({ progressive: false, optimiseCoding: false })
      .toBuffer();
    const scan = one.indexOf(Uint8Array.of(0xff, 0xda));
    const start = scan + 2 + one.readUInt16BE(scan + 2);
    const header = Buffer.from(one.subarray(0, start));
    header.writeUInt16BE(32, header.indexOf(Uint8Array.of(0xff, 0xc0)) + 5);
    const interval = one.subarray(start, one.length - 2);
    const restarts = Uint8Array.of(0xff, 0xdd, 0, 4, 0, 1);
    const build = (...extra: number[]) =>
      joined(
        header.subarray(0, scan),
        restarts,
        header.subarray(scan),
        interval,
        Uint8Array.of(...extra, 0xff, 0xd0),
        interval,
        Uint8Array.of(0xff, 0xd1),
        interval,
        Uint8Array.of(0xff, 0xd2),
        interval,
        Uint8Array.of(0xff, 0xd9),
      );
    const sound = await decodePixels(build());
    expect(sound.notes).toEqual([]);
    expect(sound.pixels).toMatchObject({ width: 8, height: 32 });
    const { pixels, notes } = await decodePixels(build(...Array.from({ length: 20 }, (_, i) => i)));
    expect(pixels).toEqual(sound.pixels);
    expect(notes.map(({ kind }) => kind)).toEqual(["extra-bytes"]);
  });

  test("a truncated scan is refused, with and without an end marker, and with extraneous bytes in the header", async () => {
    for (const part of [0.7, 0.8, 0.9, 0.97]) {
      for (const whole of [jpeg, Buffer.from(insertAt(frame, 1, 2, 3))]) {
        const cut = whole.subarray(0, Math.floor(whole.length * part));
        for (const file of [cut, joined(cut, Uint8Array.of(0xff, 0xd9))]) {
          await expect(readPixels(file)).rejects.toThrow(/damaged or truncated/);
        }
      }
    }
  });
});
