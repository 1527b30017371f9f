import { execFileSync } from "node:child_process";
import { readdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { Random } from "../../packages/core/src/random.ts";
import { readFileBytes } from "../../packages/reconloss/src/files.ts";
import { defaultLimitPixels } from "../../packages/reconloss/src/image/limit.ts";
import { listFolder } from "../../packages/reconloss/src/image/listing.ts";
import { withoutAncillaryChunks } from "../../packages/reconloss/src/image/png-chunks.ts";
import { decodeImage, readImage, readPixels } from "../../packages/reconloss/src/image/read.ts";
import { temporaryFolder } from "../folder.ts";
import { processorTime } from "../processor-time.ts";
import { plainTiff } from "./plain-tiff.ts";

const folder = await temporaryFolder();
const goldens = fileURLToPath(new URL("../goldens/formats/", import.meta.url));

/** The error of a call that must fail, and what it took of processor time. */
async function failureOf(call: () => Promise<unknown>): Promise<{ error: ReconlossError; seconds: number }> {
  const failing = call().then(
    () => expect.fail("nothing failed"),
    (thrown) => thrown,
  );
  const seconds = (await processorTime(() => failing)) / 1000;
  const error = await failing;
  expect(error).toBeInstanceOf(ReconlossError);
  return { error, seconds };
}

describe.skipIf(process.platform === "win32")("what is not a regular file is refused at once", async () => {
  const pipe = join(folder, "pipe.png");
  execFileSync("mkfifo", [pipe]);
  const socket = join(folder, "socket.png");
  const server = createServer().listen(socket);
  await new Promise((resolve) => server.on("listening", resolve));
  server.unref();
  await symlink(pipe, join(folder, "link.png"));

  test.each([
    ["a named pipe", pipe, /it is a named pipe, not a file/],
    ["a link to one", join(folder, "link.png"), /it is a named pipe, not a file/],
    ["a socket", socket, /it is a socket, not a file/],
    ["a device without end", "/dev/zero", /it is a device, not a file/],
    ["a device without content", "/dev/null", /it is a device, not a file/],
    ["a folder", folder, /it is a folder/],
  ])("%s", async (_, path, message) => {
    for (const [read, code] of [
      [readImage, "image"],
      [readPixels, "image"],
      [readFileBytes, "file"],
    ] as const) {
      const { error, seconds } = await failureOf(() => read(path));
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(error.message).toContain(path);
      expect(seconds).toBeLessThan(2);
    }
  });

  test("in a folder, under any name, they are listed, so that reading reports them", async () => {
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const { images } = await listFolder(folder);
    expect(images).toEqual(expect.arrayContaining(["pipe", "pipe.png", "socket.png", "link.png"]));
  });
});

describe("size limits apply before decoding", () => {
  /** A lossless WebP of one colour says its size in 28 bits, and nothing else depends on it. */
  async function hugeWebp(): Promise<Buffer> {
    const webp = await sharp(new Uint8Array(3), { raw: { width: 1, height: 1, channels: 3 } })
      .webp({ lossless: true })
      .toBuffer();
    expect([webp.toString("latin1", 12, 16), webp[20]]).toEqual(["VP8L", 0x2f]);
    const size = (16382 | (16382 << 14)) >>> 0;
    webp.writeUInt32LE((size | (webp.readUInt32LE(21) & 0xf0000000)) >>> 0, 21);
    return webp;
  }

  test("to a WebP of a few bytes and 16383x16383 pixels", async () => {
    const webp = await hugeWebp();
    expect(webp.length).toBeLessThan(50);
    const { error, seconds } = await failureOf(() => readImage(webp, { limitPixels: 1e8 }));
    expect(error.message).toMatch(/it has 16383x16383 pixels, more than limitPixels allows \(100000000\)/);
    expect(seconds).toBeLessThan(2);
  });

  test("by default leaving a quarter of the memory free with six images at 20 bytes per pixel", () => {
    for (const memory of [2e9, 8e9, 16e9]) expect(defaultLimitPixels(memory) * 6 * 20).toBeCloseTo(0.75 * memory, -3);
    expect(defaultLimitPixels(1e12)).toBe(16383 ** 2);
    expect(defaultLimitPixels()).toBeGreaterThan(1e6);
  });

  test.each([
    [
      "BMP",
      (w: number, h: number) => {
        const file = Buffer.alloc(54);
        file.write("BM");
        file.writeUInt32LE(54, 10);
        file.writeUInt32LE(40, 14);
        file.writeInt32LE(w, 18);
        file.writeInt32LE(h, 22);
        file.writeUInt16LE(24, 28);
        return file;
      },
    ],
    ["PNM", (w: number, h: number) => Buffer.from(`P6 ${w} ${h} 255\n`)],
    ["plain PNM", (w: number, h: number) => Buffer.from(`P3 ${w} ${h} 255\n1`)],
    ["PFM", (w: number, h: number) => Buffer.from(`PF ${w} ${h} -1\n`)],
  ])("to a %s that claims a false size", async (_, build) => {
    for (const [width, height, message] of [
      [1e6, 1e6, /more than limitPixels allows/],
      [9000, 9000, /truncated/],
      [0, 5, /damaged or empty/],
    ] as const) {
      const { error, seconds } = await failureOf(() => readImage(build(width, height), { limitPixels: 1e8 }));
      expect(error.message).toMatch(message);
      expect(seconds).toBeLessThan(1);
    }
  });

  test("to a sparse file of many gigabytes, which is not read", async () => {
    const path = join(folder, "sparse.png");
    await writeFile(path, "");
    await truncate(path, 2 ** 40);
    const { error, seconds } = await failureOf(() => readImage(path));
    expect(error.message).toMatch(/it has 1099511627776 bytes, and at most \d+ are read/);
    expect(seconds).toBeLessThan(1);
  });

  /** A PNG chunk, with the checksum of its specification. */
  function chunk(type: string, data: Uint8Array): Buffer {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    let crc = 0xffffffff;
    for (const byte of body) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    const around = Buffer.alloc(8);
    around.writeUInt32BE(data.length, 0);
    around.writeUInt32BE(~crc >>> 0, 4);
    return Buffer.concat([around.subarray(0, 4), body, around.subarray(4)]);
  }

  test("metadata of a PNG that does not affect its pixels is not decompressed", async () => {
    const png = await sharp(Uint8Array.of(1, 2, 3), { raw: { width: 1, height: 1, channels: 3 } })
      .png()
      .toBuffer();
    const zeros = deflateSync(new Uint8Array(2 ** 26), { level: 9 });
    const bombs = Array.from({ length: 20 }, (_, i) =>
      ["zTXt", "iCCP", "iTXt"].map((type) => {
        const keyword = type === "iTXt" ? `t${i}\0\x01\0\0\0` : `t${i}\0\0`;
        return chunk(type, Buffer.concat([Buffer.from(keyword, "latin1"), zeros]));
      }),
    ).flat();
    const bomb = Buffer.concat([png.subarray(0, 33), ...bombs, png.subarray(33)]);
    // All of them unpacked are 4 gigabytes.
    const milliseconds = await processorTime(async () => {
      expect((await readPixels(bomb)).data).toEqual(Uint8Array.of(1, 2, 3));
    });
    expect(milliseconds).toBeLessThan(1000);
  });

  test("chunks that affect pixels are kept: transparency, colour space, orientation", () => {
    const chunks = ["IHDR", "tEXt", "PLTE", "tRNS", "gAMA", "cHRM", "sRGB", "zTXt", "eXIf", "IDAT", "tIME", "IEND"];
    const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
    const data = chunks.map((type) => chunk(type, Buffer.from("data")));
    const left = withoutAncillaryChunks(Buffer.concat([signature, ...data, Buffer.from("behind the end")]));
    const kept = data.filter((_, i) => !["tEXt", "zTXt", "tIME"].includes(chunks[i]));
    expect(Buffer.compare(left, Buffer.concat([signature, ...kept]))).toBe(0);
  });
});

describe("1000 mutated files of each format decode or throw our own errors", async () => {
  const names = (await readdir(goldens, { recursive: true })).filter((name) => extname(name) !== "");
  const ofKind = (form: RegExp) =>
    Promise.all(names.filter((name) => form.test(name)).map((name) => readFile(join(goldens, name))));
  const floats = new Uint8Array(Float32Array.from({ length: 192 }, (_, i) => i / 192).buffer);
  const tags = { 256: 8, 257: 8, 258: 32, 259: 1, 262: 2, 277: 3, 278: 8, 339: 3 };
  const samples = sharp(
    Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => i * 37),
    {
      raw: { width: 16, height: 16, channels: 3 },
    },
  );
  const kinds: [string, Buffer[]][] = [
    ["BMP", await ofKind(/\.bmp$/)],
    ["PNM", await ofKind(/\.p[pgb]m$/)],
    ["PFM", await ofKind(/\.pfm$/)],
    ["NPY", await ofKind(/\.npy$/)],
    ["float TIFF", [plainTiff(tags, floats)]],
    ["PNG", [await samples.clone().png().toBuffer()]],
    ["JPEG", [await samples.clone().jpeg().toBuffer()]],
  ];

  /** Some bytes changed, left out, put in, or cut off, most of them near the beginning, where sizes are. */
  function mutated(file: Buffer, random: Random): Buffer {
    const place = () => Math.floor(file.length * random.uniform() ** 3);
    const bytes = Buffer.from(file);
    switch (random.below(4)) {
      case 0:
        for (let i = random.below(8); i >= 0; i--)
          bytes[place()] = [0, 1, 0x7f, 0xff, random.below(256)][random.below(5)];
        return bytes;
      case 1:
        return bytes.subarray(0, random.below(file.length));
      case 2:
        return Buffer.concat([bytes.subarray(0, place()), bytes.subarray(place())]);
      default: {
        const at = place();
        return Buffer.concat([
          bytes.subarray(0, at),
          Buffer.alloc(random.below(9), random.below(256)),
          bytes.subarray(at),
        ]);
      }
    }
  }

  test.each(kinds)("%s", async (kind, files) => {
    const random = new Random(1, kind);
    const counts = { images: 0, errors: 0 };
    let slowest = 0;
    for (let i = 0; i < 1000; i++) {
      const file = mutated(files[i % files.length], random);
      const look = async () => {
        const { image } = await decodeImage(file, { alpha: "composite", limitPixels: 1e6 });
        expect(image.data.length).toBe(image.shape.reduce((product, size) => product * size, 1));
        expect(image.data.every(Number.isFinite)).toBe(true);
        counts.images++;
      };
      const fail = (error: unknown) => {
        if (!(error instanceof ReconlossError)) throw new Error(`${kind} ${i}: ${error}`, { cause: error });
        expect(error.message).toMatch(/^cannot read the image: /);
        counts.errors++;
      };
      slowest = Math.max(slowest, await processorTime(() => look().catch(fail)));
    }
    expect(slowest).toBeLessThan(2000);
    expect(Math.min(counts.images, counts.errors)).toBeGreaterThan(20);
  });
});
