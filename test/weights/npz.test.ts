import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { writeNpy } from "../../packages/core/src/weights/npy.ts";
import { readNpz } from "../../packages/core/src/weights/npz.ts";
import { bytesSource } from "../../packages/core/src/weights/source.ts";

/** A `.npy` file as NumPy writes it, with any type and order. */
function npy(descr: string, shape: string, bytes: Uint8Array, isFortran = false): Uint8Array {
  const fields = `{'descr': ${descr}, 'fortran_order': ${isFortran ? "True" : "False"}, 'shape': ${shape}, }`;
  const header = Buffer.from(`${fields.padEnd(117)}\n`, "latin1");
  const start = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, header.length, 0]);
  return new Uint8Array(Buffer.concat([start, header, bytes]));
}

const bytesOf = (data: ArrayBufferView) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const open = (files: Record<string, Uint8Array>, level: 0 | 6 = 6) =>
  readNpz(bytesSource("file.npz", zipSync(files, { level })));

describe(".npy arrays of each type are read as numbers", () => {
  const swapped = (data: Float64Array) => {
    const bytes = bytesOf(data.slice());
    for (let i = 0; i < bytes.length; i += 8) bytes.subarray(i, i + 8).reverse();
    return bytes;
  };
  const columns = Float64Array.of(1, 4, 2, 5, 3, 6);
  const rows = [1, 2, 3, 4, 5, 6];
  test.each<[string, Uint8Array, number[]]>([
    ["float64", npy("'<f8'", "(2, 3)", bytesOf(Float64Array.from(rows))), rows],
    ["float32", npy("'<f4'", "(2, 3)", bytesOf(Float32Array.from(rows))), rows],
    // 1, -2 and 65504, the largest, in IEEE 754 binary16.
    ["float16", npy("'<f2'", "(3,)", bytesOf(Uint16Array.of(0x3c00, 0xc000, 0x7bff))), [1, -2, 65504]],
    ["big-endian", npy("'>f8'", "(2, 3)", swapped(Float64Array.from(rows))), rows],
    ["Fortran order", npy("'<f8'", "(2, 3)", bytesOf(columns), true), rows],
    ["Fortran order, big-endian", npy("'>f8'", "(2, 3)", swapped(columns), true), rows],
    ["int32", npy("'<i4'", "(2,)", bytesOf(Int32Array.of(-1, 7))), [-1, 7]],
    ["int64", npy("'<i8'", "(2,)", bytesOf(BigInt64Array.of(-1n, 7n))), [-1, 7]],
    ["bool", npy("'|b1'", "(2,)", Uint8Array.of(1, 0)), [1, 0]],
  ])("%s", async (_, file, expected) => {
    for (const level of [0, 6] as const) {
      const archive = await open({ "a.npy": file }, level);
      expect([...(await (await archive.array("a")).values())]).toEqual(expected);
    }
  });
});

test.each([
  ["objects", npy("'|O'", "(1,)", new Uint8Array(8)), /never unpickled/],
  ["text", npy("'<U3'", "(1,)", new Uint8Array(12)), /elements of type <U3/],
  ["records", npy("[('x', '<f4'), ('y', '<f4')]", "(1,)", new Uint8Array(8)), /elements of type \[\('x'/],
  ["complex numbers", npy("'<c16'", "(1,)", new Uint8Array(16)), /elements of type <c16/],
  ["no array", new Uint8Array(50), /is not a .npy array/],
])("%s are an error only when they are read", async (_, file, message) => {
  const archive = await open({ "odd.npy": file, "a.npy": writeNpy(Float64Array.of(3), [1]) });
  expect(archive.names).toEqual(["odd", "a"]);
  expect([...(await (await archive.array("a")).values())]).toEqual([3]);
  await expect(archive.array("odd")).rejects.toThrow(message);
});

/** An archive in memory, and how many bytes of it were read. */
function counted(file: Uint8Array) {
  const reads = { bytes: 0 };
  const read = async (offset: number, length: number) => {
    reads.bytes += length;
    return file.slice(offset, offset + length);
  };
  return { reads, source: { ...bytesSource("file.npz", file), read } };
}

test("reads headers without unpacking the arrays", async () => {
  // Zeros, 1000 times as long unpacked.
  const zeros = npy("'|u1'", "(99999872,)", new Uint8Array(99_999_872));
  const file = zipSync({ "a.npy": zeros, "b.npy": zeros });
  const { reads, source } = counted(file);
  const archive = await readNpz(source);
  reads.bytes = 0;
  for (const name of archive.names) expect((await archive.array(name)).shape).toEqual([99_999_872]);
  // A local header and the first piece of each: of 512 bytes come 512 kB.
  expect(reads.bytes).toBeLessThan(2 * 600);
  await expect((await archive.array("a")).values()).rejects.toThrow(/99999872 is too large for statistics/);
});

test("unpacks an array once for rows read in order, again for earlier rows, and returns what is stored", async () => {
  const [count, rowBytes] = [64, 100_000];
  const data = Uint8Array.from({ length: count * rowBytes }, (_, i) => Math.imul(i, 2654435761) >>> 27);
  const file = zipSync({ "arr_0.npy": npy("'|u1'", `(${count}, ${rowBytes})`, data) }, { level: 1 });
  const { reads, source } = counted(file);
  const array = await (await readNpz(source)).array("arr_0");
  reads.bytes = 0;
  const rows = await Promise.all(Array.from({ length: count }, (_, i) => array.rows(i, i + 1)));
  expect(Buffer.concat(rows).equals(data)).toBe(true);
  expect(reads.bytes).toBeLessThanOrEqual(file.length);
  expect(Buffer.from(data.buffer, 3 * rowBytes, 2 * rowBytes).equals(await array.rows(3, 5))).toBe(true);
});

test("reports damage when the damaged part is read, or at the end at the latest", async () => {
  const data = Uint8Array.from({ length: 400_000 }, (_, i) => Math.imul(i, 2654435761) >>> 27);
  const file = zipSync({ "arr_0.npy": npy("'|u1'", "(4, 100000)", data) }, { level: 6 });
  for (const at of [200, file.length >> 1, file.length - 200]) {
    const damaged = file.slice();
    damaged[at] ^= 0x55;
    const rows = async () => {
      const array = await (await readNpz(bytesSource("file.npz", damaged))).array("arr_0");
      for (let i = 0; i < 4; i++) await array.rows(i, i + 1);
    };
    const error = await rows().catch((caught) => caught);
    expect([error.name, error.code]).toEqual(["ReconlossError", "content"]);
  }
});
