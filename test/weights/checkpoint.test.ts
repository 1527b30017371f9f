import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { readCheckpoint } from "../../packages/core/src/weights/checkpoint.ts";
import { type ByteSource, bytesSource } from "../../packages/core/src/weights/source.ts";
import { openCheckpoint } from "../../packages/reconloss/src/weights/open.ts";
import { badFiles, expected, files, folder, goodFiles, safetensors } from "./golden-checkpoints.ts";

const bytesOf = (name: string) => new Uint8Array(readFileSync(folder + name));

/** Opens and reads everything; the error, if any. */
async function readAll(source: ByteSource): Promise<unknown> {
  try {
    const checkpoint = await readCheckpoint(source);
    for (const name of checkpoint.names) await checkpoint.read(name);
    return undefined;
  } catch (error) {
    return error;
  }
}

// Expected values: expected.json, written by the programs that made the files (PyTorch and safetensors).
describe("valid checkpoints are read", () => {
  test("every file in the folder has an expected result", () =>
    expect(Object.keys(expected).sort()).toEqual(files.sort()));

  test.each(goodFiles)("%s", async (file) => {
    const checkpoint = await openCheckpoint(folder + file);
    const { tensors = {}, metadata } = expected[file];
    expect([...checkpoint.names].sort()).toEqual(Object.keys(tensors).sort());
    expect(checkpoint.metadata).toEqual(metadata ?? {});
    for (const [name, tensor] of Object.entries(tensors)) {
      // The expected file calls the boolean tensor of mixed.safetensors int64; its header says BOOL.
      const dtype = file === "mixed.safetensors" && name === "bool" ? "bool" : tensor.dtype;
      expect([name, checkpoint.dtype(name)]).toEqual([name, dtype]);
      expect(checkpoint.shape(name)).toEqual(tensor.shape);
      const { shape, data } = await checkpoint.read(name);
      expect(shape).toEqual(tensor.shape);
      const values = Array.from(data, Number);
      expect(values.length).toBe(tensor.shape.reduce((product, size) => product * size, 1));
      expect(values.slice(0, 6)).toEqual(tensor.first);
      expect(values.reduce((total, value) => total + value, 0)).toBeCloseTo(tensor.sum, 9);
    }
    await checkpoint.close();
  });

  test("each dtype is read into an array that holds it exactly", async () => {
    const ints = await openCheckpoint(`${folder}zip-int-types.pth`);
    expect((await ints.read("i64")).data).toEqual(BigInt64Array.of(-1n, 1099511627776n));
    expect((await ints.read("i16")).data).toBeInstanceOf(Int16Array);
    expect((await ints.read("bool")).data).toEqual(Uint8Array.of(1, 0, 1));
    await ints.close();
    const half = await openCheckpoint(`${folder}zip-float16.pth`);
    expect((await half.read("conv.bias")).data).toBeInstanceOf(Float32Array);
    await half.close();
  });

  test("all half and bfloat16 bit patterns have their IEEE 754 values", async () => {
    const patterns = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, bits) => bits).buffer);
    for (const [dtype, fractionBits, bias] of [
      ["F16", 10, 15],
      ["BF16", 7, 127],
    ] as const) {
      const file = safetensors({ all: { dtype, shape: [65536], data_offsets: [0, 131072] } }, patterns);
      const { data } = await (await readCheckpoint(bytesSource("all.safetensors", file))).read("all");
      const exponentMask = 2 ** (15 - fractionBits) - 1;
      const values = Float64Array.from({ length: 65536 }, (_, bits) => {
        const sign = bits >> 15 ? -1 : 1;
        const exponent = (bits >> fractionBits) & exponentMask;
        const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
        if (exponent === exponentMask) return fraction ? Number.NaN : sign / 0;
        return sign * (exponent ? (1 + fraction) * 2 ** (exponent - bias) : fraction * 2 ** (1 - bias));
      });
      expect(Float64Array.from(data as Float32Array)).toEqual(values);
    }
  });
});

describe("invalid checkpoints are refused", () => {
  test.each(badFiles)("%s", async (file) => {
    const printed = vi.spyOn(console, "log");
    const error = await openCheckpoint(folder + file).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(ReconlossError);
    expect((error as ReconlossError).code).toBe("checkpoint");
    expect((error as ReconlossError).message).toContain(file);
    expect(printed).not.toHaveBeenCalled();
  });

  test.each([
    ["malicious-zip.pth", /global (__builtin__|builtins)\.print\b/],
    ["malicious-legacy.pth", /global (__builtin__|builtins)\.print\b/],
    ["malicious-plain.pkl.pth", /global __builtin__\.eval\b/],
    ["truncated-zip.pth", /cut short/],
    ["truncated-legacy.pth", /storage \d+ should be 8 bytes at 1480, but the file has 1483/],
    ["short-storage-zip.pth", /storage \d has \d+ bytes where \d+ are needed/],
    ["not-a-checkpoint.pth", /looks like a web page/],
    ["empty.pth", /empty/],
    ["bad-truncated.safetensors", /tensor .+ ends at byte 680 of 670|cut short/],
    ["bad-header-length.safetensors", /header claims \d+ bytes of a file of 1032/],
    ["bad-json.safetensors", /not JSON/],
    ["bad-overlap.safetensors", /tensor \S+ overlaps/],
    ["bad-size.safetensors", /tensor \S+ with shape .* needs 12 bytes, .* give 8/],
    ["bad-negative.safetensors", /tensor \S+ has the shape \[-/],
  ])("%s, with the reason", (file, message) => expect(openCheckpoint(folder + file)).rejects.toThrow(message));

  test("a missing file, and a folder", async () => {
    await expect(openCheckpoint(`${folder}none.pth`)).rejects.toMatchObject({ code: "file" });
    await expect(openCheckpoint(folder)).rejects.toMatchObject({ code: "file" });
  });

  test("reading after closing is an error", async () => {
    const checkpoint = await openCheckpoint(`${folder}ok.safetensors`);
    await checkpoint.close();
    await expect(checkpoint.read("conv.bias")).rejects.toMatchObject({ code: "file" });
  });

  test("a missing tensor, by name", async () => {
    const checkpoint = await openCheckpoint(`${folder}ok.safetensors`);
    await expect(checkpoint.read("nothing")).rejects.toThrow(/no tensor nothing; it has conv.weight|no tensor nothing/);
    expect(() => checkpoint.shape("nothing")).toThrow(ReconlossError);
    await checkpoint.close();
  });
});

describe("inconsistent safetensors headers", () => {
  const cases: [string, unknown, number][] = [
    ["gap", { a: { dtype: "U8", shape: [1], data_offsets: [1, 2] } }, 2],
    ["left over", { a: { dtype: "U8", shape: [1], data_offsets: [0, 1] } }, 2],
    ["unknown type", { a: { dtype: "F8_E4M3", shape: [1], data_offsets: [0, 1] } }, 1],
    ["type from a prototype", { a: { dtype: "toString", shape: [1], data_offsets: [0, 1] } }, 1],
    ["product beyond 2^53", { a: { dtype: "U8", shape: [2 ** 40, 2 ** 40], data_offsets: [0, 1] } }, 1],
    ["fractional size", { a: { dtype: "U8", shape: [0.5], data_offsets: [0, 1] } }, 1],
    ["offsets the wrong way", { a: { dtype: "U8", shape: [1], data_offsets: [2, 1] } }, 2],
    ["metadata of numbers", { __metadata__: { a: 1 } }, 0],
    ["not an object", [1, 2], 0],
    ["65 axes", { a: { dtype: "U8", shape: new Array(65).fill(1), data_offsets: [0, 1] } }, 1],
    ["nested without end", `{"a":{"dtype":"U8","shape":${"[".repeat(1e5)}${"]".repeat(1e5)},"data_offsets":[0,1]}}`, 1],
  ];
  test.each(cases)("%s", async (_, header, size) => {
    const error = await readAll(bytesSource("lies.safetensors", safetensors(header, new Uint8Array(size))));
    expect(error).toMatchObject({ name: "ReconlossError", code: "checkpoint" });
  });
});

describe("lazy reading", () => {
  /** Bytes that were read through a source. */
  function counted(name: string): { source: ByteSource; read: () => number } {
    let total = 0;
    const inner = bytesSource(name, bytesOf(name));
    return {
      source: {
        ...inner,
        read: (offset, length) => {
          total += length;
          return inner.read(offset, length);
        },
      },
      read: () => total,
    };
  }

  test.each(["ok.safetensors", "zip-ordereddict.pth"])("%s: reads only the requested tensor", async (file) => {
    const { source, read } = counted(file);
    const checkpoint = await readCheckpoint(source);
    const opened = read();
    await checkpoint.read("fc.weight");
    // 5x4 float32; a zip entry has a local header of 30 bytes besides.
    expect(read() - opened).toBe(file.endsWith(".pth") ? 80 + 30 : 80);
  });

  test("a view reads only its own part of a shared storage", async () => {
    const { source, read } = counted("zip-views.pth");
    const checkpoint = await readCheckpoint(source);
    await checkpoint.read("whole");
    const before = read();
    await checkpoint.read("row");
    expect(read() - before).toBe(8 * 4);
  });
});

describe("damaged checkpoints never crash or hang the reader", () => {
  const corpus = goodFiles.map((name) => ({ name, bytes: bytesOf(name) }));
  const isRefusal = (error: unknown) => error === undefined || error instanceof ReconlossError;

  test("with random bytes changed", () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...corpus),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 8 }),
        async ({ name, bytes }, changes) => {
          const damaged = bytes.slice();
          for (const [position, change] of changes) damaged[position % bytes.length] ^= change;
          const error = await readAll(bytesSource(name, damaged));
          if (!isRefusal(error)) throw error;
        },
      ),
      { numRuns: 3000 },
    ));

  test("with every possible truncation refused", async () => {
    for (const { name, bytes } of corpus) {
      for (let length = 0; length < bytes.length; length += 7) {
        const error = await readAll(bytesSource(name, bytes.slice(0, length)));
        expect([name, length, (error as ReconlossError)?.code]).toEqual([name, length, "checkpoint"]);
      }
    }
  });

  test("with random pieces inserted and removed", () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...corpus),
        fc.nat(),
        fc.nat({ max: 64 }),
        fc.uint8Array({ maxLength: 64 }),
        async ({ name, bytes }, position, removed, inserted) => {
          const at = position % bytes.length;
          const damaged = Uint8Array.from([...bytes.subarray(0, at), ...inserted, ...bytes.subarray(at + removed)]);
          const error = await readAll(bytesSource(name, damaged));
          if (!isRefusal(error)) throw error;
        },
      ),
      { numRuns: 1000 },
    ));
});

// Real published weights, used in place; the folder is not part of the project.
const shared = process.env.RECONLOSS_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));
const weights = `${shared}/reference/weights/`;
describe.skipIf(!existsSync(weights))("published weights", () => {
  // The parameters of NIQE are NumPy's arrays, not a checkpoint.
  const published = existsSync(weights) ? readdirSync(weights).filter((file) => !file.endsWith(".npz")) : [];
  test.each(published)("%s opens, and all its tensors are finite", async (file) => {
    const checkpoint = await openCheckpoint(weights + file);
    expect(checkpoint.names.length).toBeGreaterThan(0);
    for (const name of checkpoint.names) {
      const { data } = await checkpoint.read(name);
      expect(data).toBeInstanceOf(Float32Array);
      expect((data as Float32Array).every(Number.isFinite)).toBe(true);
    }
    await checkpoint.close();
  });

  test("the heads of LPIPS alex have the names, shapes and signs of the published network", async () => {
    const checkpoint = await openCheckpoint(`${weights}lpips-alex.pth`);
    const channels = [64, 192, 384, 256, 256];
    expect(checkpoint.names).toEqual(channels.map((_, index) => `lin${index}.model.1.weight`));
    expect(checkpoint.names.map((name) => checkpoint.shape(name))).toEqual(channels.map((count) => [1, count, 1, 1]));
    for (const name of checkpoint.names) {
      expect(((await checkpoint.read(name)).data as Float32Array).every((value) => value >= 0)).toBe(true);
    }
    await checkpoint.close();
  });
});
