import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { readCheckpoint } from "../../packages/core/src/weights/checkpoint.ts";
import { bytesSource } from "../../packages/core/src/weights/source.ts";
import { crc32 } from "../../packages/core/src/weights/zip.ts";
import { processorTime } from "../processor-time.ts";
import { ascii, dict, global, int, pickle, reduce, storage, str, tensor, tuple, wideInt } from "./pickles.ts";

const pair = tuple(int(2));
const goodTensor = tensor(storage("0", int(2)), int(0), pair, tuple(int(1)));

const twoFloats = new Uint8Array(Float32Array.of(1, 2).buffer);
const archive = (data: Uint8Array, files: Record<string, Uint8Array> = { "a/data/0": twoFloats }) =>
  zipSync({ "a/data.pkl": data, ...files }, { level: 0 });
const open = (bytes: Uint8Array) => readCheckpoint(bytesSource("hostile.pth", bytes));
const readAll = async (bytes: Uint8Array) => {
  const checkpoint = await open(bytes);
  for (const name of checkpoint.names) await checkpoint.read(name);
};
const refusal = async (bytes: Uint8Array) => {
  const error = await readAll(bytes).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ReconlossError);
  expect((error as ReconlossError).code).toBe("checkpoint");
  return (error as ReconlossError).message;
};

describe("pickles", () => {
  test("reads the valid pickle that the tests modify", async () => {
    const checkpoint = await open(archive(pickle(dict(["t", goodTensor]))));
    expect(await checkpoint.read("t")).toEqual({ shape: [2], data: Float32Array.of(1, 2) });
  });

  test.each([
    ["posix.system", global("posix", "system")],
    ["torch.load", global("torch", "load")],
    ["collections.defaultdict", global("collections", "defaultdict")],
    ["builtins.getattr", [...str("builtins"), ...str("getattr"), 0x93]],
    ["torch.FloatStorage.__class__", global("torch.FloatStorage", "__class__")],
    ["constructor", global("", "constructor")],
  ])("refuses the global %s by name", async (name, code) => {
    const message = await refusal(archive(pickle(dict(["t", reduce(code, str("x"))]))));
    expect(message).toContain(`.${name}`.slice(name.includes(".") ? 1 : 0));
  });

  test.each([
    ["INST", 0x69],
    ["OBJ", 0x6f],
    ["EXT1", 0x82],
    ["NEWOBJ_EX", 0x92],
    ["LONG4", 0x8b],
    ["INT", 0x49],
    ["BYTEARRAY8", 0x96],
    ["unassigned", 0xff],
  ])("refuses the opcode %s by number", async (_, byte) => {
    const code = pickle([byte, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(await refusal(archive(code))).toContain(`opcode 0x${byte.toString(16)}`);
  });

  test.each([
    ["pop from an empty stack", [0x85]],
    ["mark as a value", [0x28, 0x85]],
    ["no mark", [0x5d, 0x65]],
    ["memo never stored", [0x68, 7]],
    ["remember nothing", [0x71, 0]],
    ["append to a dict", [0x7d, 0x4e, 0x61]],
    ["set item of a list", [0x5d, 0x4e, 0x4e, 0x73]],
    ["odd items", [0x7d, 0x28, 0x4e, 0x75]],
    ["call a text", reduce(str("x"))],
    ["call without a tuple", [...global("collections", "OrderedDict"), 0x4e, 0x52]],
    ["OrderedDict of a text", reduce(global("collections", "OrderedDict"), str("ab"))],
    ["state for a tensor", [...goodTensor, 0x7d, 0x62]],
    ["persistent id of another kind", [...tuple(str("module")), 0x51]],
    ["values left over", [0x4e, 0x4e]],
    ["protocol 9", [0x80, 9]],
    ["long integer", [0x8a, 200, ...new Array<number>(200).fill(1)]],
    ["text longer than the file", [0x58, 255, 255, 255, 127]],
  ])("%s", async (_, code) => {
    expect(await refusal(archive(pickle(code)))).toContain("the pickle is refused");
  });

  test("handles a million nested lists in linear time, without recursion", async () => {
    const depth = 1_000_000;
    const nested = [...new Array<number>(depth).fill(0x5d), ...new Array<number>(depth - 1).fill(0x61)];
    const asKey = [0x7d, ...nested, 0x4e, 0x73];
    expect(await refusal(archive(pickle(asKey)))).toContain('["(list)"]');
    expect(await refusal(archive(pickle(dict(["t", tensor(nested, int(0), pair, pair)]))))).toContain("no storage");
  });

  test("refuses a pickle of millions of empty dicts within bounded memory, and reads no larger one", async () => {
    expect(await refusal(archive(pickle(new Array<number>(2 ** 21).fill(0x7d))))).toContain("little but empty dicts");
    expect(await refusal(archive(new Uint8Array(2 ** 22 + 1)))).toContain("more than the 4194304 that are read");
  });

  test("ends at a dict that contains itself", async () => {
    expect(await refusal(archive(pickle([0x7d, 0x71, 0, ...str("state_dict"), 0x68, 0, 0x73])))).toContain(
      "no named tensors",
    );
  });

  test("refuses repeated copies of a long list before they take quadratic time", async () => {
    const items = 50_000;
    const list = [0x5d, 0x71, 0, 0x28, ...new Array<number[]>(items).fill([0x4b, 1, 0x4b, 2, 0x86]).flat(), 0x65];
    const copies = new Array<number[]>(items).fill([0x68, 1, 0x68, 0, 0x85, 0x52, 0x30]).flat();
    const code = pickle(global("collections", "OrderedDict"), [0x71, 1], list, copies);
    const milliseconds = await processorTime(async () => {
      expect(await refusal(archive(code))).toContain("it copies more than it holds");
    });
    expect(milliseconds).toBeLessThan(5000);
  });

  const huge = wideInt(2n ** 40n);
  test.each([
    ["a shape beyond the storage", tensor(storage("0", int(2)), int(0), tuple(int(3)), tuple(int(1)))],
    ["an offset beyond the storage", tensor(storage("0", int(2)), int(1), pair, tuple(int(1)))],
    ["a negative offset", tensor(storage("0", int(2)), int(-1), pair, tuple(int(1)))],
    ["a negative size", tensor(storage("0", int(2)), int(0), tuple(int(-2)), tuple(int(1)))],
    ["a negative stride", tensor(storage("0", int(2)), int(1), pair, tuple(int(-1)))],
    ["strides for another rank", tensor(storage("0", int(2)), int(0), pair, tuple(int(1), int(1)))],
    ["a size beyond 2^53", tensor(storage("0", int(2)), int(0), tuple(huge, huge), tuple(int(0), int(0)))],
    ["a view that repeats beyond reason", tensor(storage("0", int(2)), int(0), tuple(huge), tuple(int(0)))],
    ["a storage larger than its record", tensor(storage("0", huge), int(0), pair, tuple(int(1)))],
    ["a storage that is not there", tensor(storage("1", int(2)), int(0), pair, tuple(int(1)))],
    ["a storage of a negative size", tensor(storage("0", int(-2)), int(0), pair, tuple(int(1)))],
    ["a storage outside the archive", tensor(storage("../0", int(2)), int(0), pair, tuple(int(1)))],
    ["a storage of another type", tensor(storage("0", int(2), "DoubleStorage"), int(0), pair, tuple(int(1)))],
  ])("%s", async (_, code) => {
    await refusal(archive(pickle(dict(["t", code]))));
  });

  test("describes the contents of a file without tensors", async () => {
    expect(await refusal(archive(pickle(dict(["epoch", int(3)]))))).toContain('a dict with the keys ["epoch"]');
  });
});

describe("zip archives", () => {
  const honest = archive(pickle(dict(["t", goodTensor])));
  const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** A copy with its central directory records changed; `at` is the record's position. */
  const changed = (change: (bytes: DataView, at: number, name: string) => void) => {
    const bytes = honest.slice();
    const data = view(bytes);
    let at = data.getUint32(bytes.length - 22 + 16, true);
    while (data.getUint32(at, true) === 0x02014b50) {
      const nameLength = data.getUint16(at + 28, true);
      change(data, at, new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength)));
      at += 46 + nameLength + data.getUint16(at + 30, true) + data.getUint16(at + 32, true);
    }
    return bytes;
  };

  test("have CRC-32 with its published check value", () => {
    // The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
    expect(crc32(Uint8Array.from(ascii("123456789")))).toBe(0xcbf43926);
  });

  test.each([
    ["is encrypted", (data: DataView, at: number) => data.setUint16(at + 8, 1, true)],
    ["compression method 12", (data: DataView, at: number) => data.setUint16(at + 10, 12, true)],
    ["two different sizes", (data: DataView, at: number) => data.setUint32(at + 24, 1, true)],
    ["wrong CRC-32", (data: DataView, at: number) => data.setUint32(at + 16, 1, true)],
    ["is not where the directory says", (data: DataView, at: number) => data.setUint32(at + 42, 3, true)],
    ["runs into what follows", (data: DataView, at: number) => data.setUint32(at + 42, 2 ** 31, true)],
  ])("refuse an entry with: %s", async (message, change) => {
    const bytes = changed((data, at, name) => {
      if (name === "a/data.pkl") change(data, at);
    });
    expect(await refusal(bytes)).toContain(message);
  });

  test("refuse two entries over the same bytes", async () => {
    const bytes = changed((data, at) => data.setUint32(at + 42, 0, true));
    expect(await refusal(bytes)).toContain("runs into what follows it");
  });

  test("refuse a deflated entry that claims to unpack to gigabytes", async () => {
    const bytes = changed((data, at, name) => {
      if (name !== "a/data/0") return;
      data.setUint16(at + 10, 8, true);
      data.setUint32(at + 24, 0xfffffff0, true);
    });
    expect(await refusal(bytes)).toContain("claims to unpack 8 bytes to 4294967280");
  });

  test("refuse a big-endian file", async () => {
    const bytes = archive(pickle(dict(["t", goodTensor])), {
      "a/data/0": twoFloats,
      "a/byteorder": Uint8Array.from(ascii("big")),
    });
    expect(await refusal(bytes)).toContain("big endian");
  });

  test("refuse an archive without data.pkl", async () => {
    expect(await refusal(zipSync({ "word/document.xml": twoFloats }))).toContain("without data.pkl");
  });

  test("read zip64 sizes, offsets and end record", async () => {
    // Rewrites the honest archive: every central record gets a zip64 extra field, and a zip64 end record and locator come before the end.
    const end = honest.length - 22;
    const directory = view(honest).getUint32(end + 16, true);
    const records: number[] = [];
    let count = 0;
    changed((data, at) => {
      const nameLength = data.getUint16(at + 28, true);
      const record = honest.slice(at, at + 46 + nameLength);
      const wideFields = new BigUint64Array([24, 20, 42].map((field) => BigInt(data.getUint32(at + field, true))));
      for (const field of [24, 20, 42]) view(record).setUint32(field, 0xffffffff, true);
      view(record).setUint16(30, 28, true);
      records.push(...record, 1, 0, 24, 0, ...new Uint8Array(wideFields.buffer));
      count++;
    });
    const end64 = new Uint8Array(56);
    view(end64).setUint32(0, 0x06064b50, true);
    view(end64).setBigUint64(4, 44n, true);
    view(end64).setBigUint64(24, BigInt(count), true);
    view(end64).setBigUint64(32, BigInt(count), true);
    view(end64).setBigUint64(40, BigInt(records.length), true);
    view(end64).setBigUint64(48, BigInt(directory), true);
    const locator = new Uint8Array(20);
    view(locator).setUint32(0, 0x07064b50, true);
    view(locator).setBigUint64(8, BigInt(directory + records.length), true);
    view(locator).setUint32(16, 1, true);
    const tail = honest.slice(end);
    view(tail).setUint16(10, 0xffff, true);
    view(tail).setUint32(12, 0xffffffff, true);
    view(tail).setUint32(16, 0xffffffff, true);
    const wideArchive = Uint8Array.from([...honest.subarray(0, directory), ...records, ...end64, ...locator, ...tail]);
    const checkpoint = await open(wideArchive);
    expect(await checkpoint.read("t")).toEqual({ shape: [2], data: Float32Array.of(1, 2) });
  });
});

describe("legacy files", () => {
  const magic = Uint8Array.from([
    0x80,
    2,
    0x8a,
    10,
    ...[0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19],
    0x2e,
  ]);
  const legacy = (object: Uint8Array, keys: Uint8Array, data: Uint8Array, system = pickle([0x7d])) =>
    Uint8Array.from([...magic, ...pickle(int(1001)), ...system, ...object, ...keys, ...data]);
  const keys = pickle([0x5d, ...str("0"), 0x61]);
  const data = Uint8Array.from([2, 0, 0, 0, 0, 0, 0, 0, ...twoFloats]);
  const object = pickle(dict(["t", goodTensor]));

  test("reads the valid file that the tests modify", async () => {
    const checkpoint = await open(legacy(object, keys, data));
    expect(await checkpoint.read("t")).toEqual({ shape: [2], data: Float32Array.of(1, 2) });
  });

  test("reads a pickle longer than the first chunk", async () => {
    const many = dict(
      ...Array.from({ length: 20_000 }, (_, index): [string, number[]] => [`value ${index}`, int(index)]),
    );
    const long = pickle([...many, ...str("t"), ...goodTensor, 0x73]);
    expect(long.length).toBeGreaterThan(2 ** 17);
    const checkpoint = await open(legacy(long, keys, data));
    expect(await checkpoint.read("t")).toEqual({ shape: [2], data: Float32Array.of(1, 2) });
  });

  test.each([
    ["storage ends at byte", legacy(object, keys, data.subarray(0, 12))],
    ["has 3 elements where 2 are expected", legacy(object, keys, Uint8Array.from([3, ...data.subarray(1)]))],
    ["has -1 elements", legacy(object, keys, Uint8Array.from([...new Array<number>(8).fill(255), ...twoFloats]))],
    ["storage 1 belongs to no tensor", legacy(object, pickle([0x5d, ...str("1"), 0x61]), data)],
    ["is not in the file", legacy(object, pickle([0x5d]), data)],
    ["the list of storages is missing", legacy(object, pickle([0x4e]), data)],
    ["big endian", legacy(object, keys, data, pickle(dict(["little_endian", [0x89]])))],
    ["a plain pickle", pickle(dict(["a", int(1)]))],
  ])("%s", async (message, bytes) => {
    expect(await refusal(bytes)).toMatch(new RegExp(message.replace("storage ends", "storage 0 ends")));
  });
});
