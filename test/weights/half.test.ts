import { expect, test } from "vitest";
import { readCheckpoint } from "../../packages/core/src/weights/checkpoint.ts";
import { decodeElements, halfBits } from "../../packages/core/src/weights/elements.ts";
import { bytesSource } from "../../packages/core/src/weights/source.ts";
import { safetensors } from "../../packages/core/src/weights/write-safetensors.ts";

/** The value of each bit pattern of half precision, which test/weights/checkpoint.test.ts holds against the formula of IEEE 754. */
const values = decodeElements(
  "float16",
  new Uint8Array(Uint16Array.from({ length: 65536 }, (_, bits) => bits).buffer),
) as Float32Array;
const lastFinite = 0x7bff;

/** The float32 number after another, away from 0. */
function next(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] += 1;
  return new Float32Array(bits.buffer)[0];
}

test("writes every half-precision number as itself", () => {
  const wrong = Array.from(values.keys()).filter(
    (bits) => !Number.isNaN(values[bits]) && halfBits(values[bits]) !== bits,
  );
  expect(wrong).toEqual([]);
  expect(values[halfBits(Number.NaN)]).toBeNaN();
});

test("rounds to nearest, ties to even (IEEE 754 roundTiesToEven)", () => {
  const wrong: number[] = [];
  for (let bits = 0; bits < lastFinite; bits++) {
    // Exact: half-precision numbers have 11 binary digits, float32 has 24.
    const middle = (values[bits] + values[bits + 1]) / 2;
    const even = bits % 2 === 0 ? bits : bits + 1;
    const below = Math.fround(middle - (values[bits + 1] - values[bits]) / 2 ** 11);
    for (const [value, expected] of [
      [middle, even],
      [next(middle), bits + 1],
      [below, bits],
    ] as const) {
      if (halfBits(value) !== expected || halfBits(-value) !== (expected | 0x8000)) wrong.push(value);
    }
  }
  expect(wrong).toEqual([]);
});

test("a half-precision file has half the bytes, reads as float32, and refuses values out of range", async () => {
  const data = Float32Array.from({ length: 4096 }, (_, i) => Math.sin(i) * 3);
  const write = (dtype?: "float16") => safetensors({ a: { shape: [64, 64], data } }, {}, { dtype });
  expect(write().length - write("float16").length).toBe(2 * data.length);
  const checkpoint = await readCheckpoint(bytesSource("a.safetensors", write("float16")));
  expect(checkpoint.dtype("a")).toBe("float16");
  const read = (await checkpoint.read("a")).data as Float32Array;
  data.forEach((value, i) => {
    expect(Math.abs(read[i] - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11);
  });
  const large = (value: number) =>
    safetensors({ a: { shape: [1], data: Float32Array.of(value) } }, {}, { dtype: "float16" });
  expect(() => large(65520)).toThrow("safetensors: a has 65520, beyond the 65504 of half precision");
  expect(() => large(-1e30)).toThrow(/a has -1\.?0*\d*e\+30, beyond/);
  expect(() => large(65519)).not.toThrow();
  expect(() => safetensors({}, {}, { dtype: "int8" as "float16" })).toThrow(
    'safetensors: dtype must be float32 or float16, got "int8"',
  );
});
