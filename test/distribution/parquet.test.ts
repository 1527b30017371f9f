import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as zlib from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { ParquetThread } from "../../packages/reconloss/src/distribution/inputs/parquet-thread.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { failureOf, hashesOf, labelsOf } from "./open-sets.ts";
import { type codecs, deltasOf, levelsOf, parquetOf, plainOf, type TestColumn } from "./parquet-bytes.ts";

const folder = await temporaryFolder();
const images = join(folder, "images");
let bytes: Uint8Array[];

beforeAll(async () => {
  for (let i = 0; i < 4; i++) await writeImage(join(images, `${i}.png`), randomTensor([1, 3, 9, 7], i));
  bytes = await Promise.all([0, 1, 2, 3].map((i) => readFile(join(images, `${i}.png`))));
});

async function write(name: string, data: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, data);
  return path;
}

describe("reads columns of each compression:", () => {
  const { zstdCompressSync } = zlib as { zstdCompressSync?: (data: Uint8Array) => Uint8Array };
  const packed = (codec: keyof typeof codecs, compress: TestColumn["compress"]) =>
    write(`${codec}.parquet`, parquetOf([{ name: "jpg", page: plainOf(bytes), codec, compress }], 4));

  test.each([
    ["UNCOMPRESSED", undefined],
    ["GZIP", zlib.gzipSync],
    ["BROTLI", zlib.brotliCompressSync],
    ...(zstdCompressSync ? [["ZSTD", zstdCompressSync] as const] : []),
  ] as const)("%s", async (codec, compress) => {
    expect(await hashesOf(await packed(codec, compress))).toEqual(await hashesOf(images));
  });

  test("SNAPPY", async () => {
    const columnData = [{ name: "jpg", data: bytes, type: "BYTE_ARRAY" as const }];
    const buffer = parquetWriteBuffer({ columnData, codec: "SNAPPY" });
    expect(await hashesOf(await write("snappy.parquet", new Uint8Array(buffer)))).toEqual(await hashesOf(images));
  });

  test.skipIf(zstdCompressSync)("but ZSTD, where Node lacks it, with an error that says so", async () => {
    const { code, message } = await failureOf(await packed("ZSTD", (page) => page));
    expect(code).toBe("missing-dependency");
    expect(message).toMatch(/ZSTD\.parquet is compressed by ZSTD, which needs Node 22\.15 or newer; this is v/);
  });

  test("but LZO, with an error that says so", async () => {
    const { code, message } = await failureOf(await packed("LZO", (page) => page));
    expect([code, message]).toEqual(["content", expect.stringMatching(/is compressed by LZO; UNCOMPRESSED, SNAPPY, /)]);
  });
});

describe("refuses malicious files within limits of time and memory:", () => {
  const image = (column: Partial<TestColumn>): TestColumn => ({ name: "jpg", page: plainOf(bytes), ...column });

  test("levels whose run claims 2^30 values", async () => {
    const page = Buffer.concat([levelsOf(2 ** 30), plainOf(bytes)]);
    const path = await write("run.parquet", parquetOf([image({ page, optional: true })], 4));
    const { code, message } = await failureOf(path);
    expect([code, message]).toEqual(["image", expect.stringMatching(/run\.parquet#0: its row group is damaged/)]);
  });

  test("a claim of 2^31 - 1 values", async () => {
    const page = Buffer.concat([levelsOf(2 ** 31 - 1), plainOf(bytes)]);
    const path = await write("values.parquet", parquetOf([image({ page, optional: true, values: 2 ** 31 - 1 })], 4));
    const { code, message } = await failureOf(path);
    expect([code, message]).toEqual([
      "image",
      expect.stringMatching(/it claims more values than 268435456 bytes hold/),
    ]);
  });

  test("differences of 2^31 - 1 numbers", async () => {
    const label = { name: "label", type: "INT32", encoding: "DELTA_BINARY_PACKED" } as const;
    const page = deltasOf(2 ** 31 - 1, 0, 1);
    const path = await write("delta.parquet", parquetOf([image({}), { ...label, page, values: 2 ** 31 - 1 }], 4));
    await expect(labelsOf(path)).rejects.toThrow(/column label are damaged \(it claims more than 2147483648/);
  });

  test("values that each repeat a gigabyte more of the one before", async () => {
    // Lengths that are shared, lengths of what is new, then nothing.
    const page = Buffer.concat([deltasOf(4, 0, 2 ** 30 - 1), deltasOf(4, 0, 0)]);
    const path = await write("front.parquet", parquetOf([image({ page, encoding: "DELTA_BYTE_ARRAY" })], 4));
    const { code, message } = await failureOf(path);
    expect([code, message]).toEqual(["image", expect.stringMatching(/damaged \(it claims more than 2147483648 bytes/)]);
  });

  test("metadata with a number of a million digits", async () => {
    const digits = Buffer.alloc(2 ** 22, 0xff);
    const path = await write("digits.parquet", parquetOf([image({})], 4, { numRows: { i64: digits } }));
    const { code, message } = await failureOf(path, { parquetLimits: { time: 2000 } });
    expect([code, message]).toEqual([
      "content",
      expect.stringMatching(/digits\.parquet: reading its metadata takes more than 3 s: it is damaged or malicious/),
    ]);
  });

  test("and still reads the next file", async () => {
    const path = await write("next.parquet", parquetOf([image({})], 4));
    const bad = await write(
      "bad.parquet",
      parquetOf([image({})], 4, { numRows: { i64: Buffer.alloc(2 ** 22, 0xff) } }),
    );
    const thread = new ParquetThread({ time: 2000 });
    const open = async (from: string) => {
      const data = await readFile(from);
      const source = {
        name: from,
        size: data.length,
        read: async (at: number, length: number) => data.subarray(at, at + length),
        close: async () => {},
      };
      const { metadata } = await thread.metadata(source, data.readUInt32LE(data.length - 8));
      return thread.column(source, metadata, 0, "jpg");
    };
    await expect(open(bad)).rejects.toMatchObject({ code: "content" });
    expect(await open(path)).toHaveLength(4);
    await thread.close();
  });
});

test("names the optional package to install when it is missing", async () => {
  vi.doMock("hyparquet", () => {
    throw new Error("Cannot find package 'hyparquet'");
  });
  try {
    const { code, message } = await failureOf(
      await write("any.parquet", parquetOf([{ name: "jpg", page: plainOf(bytes) }], 4)),
    );
    expect([code, message]).toEqual([
      "missing-dependency",
      "to read parquet files, install the optional package hyparquet: npm install hyparquet",
    ]);
  } finally {
    vi.doUnmock("hyparquet");
  }
});
