import { describe, expect, test } from "vitest";
import type { Background } from "../../packages/core/src/pixels/background.ts";
import { fromPixels, type Pixels, toPixels } from "../../packages/core/src/pixels/pixels.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";

describe("fromPixels", () => {
  test("converts to planes of RGB, divided by 255", () => {
    const tensor = fromPixels({ data: new Uint8Array([0, 51, 255, 102, 153, 204]), width: 1, height: 2, channels: 3 });
    expect(tensor.shape).toEqual([1, 3, 2, 1]);
    expect(tensor.data).toEqual(Float32Array.from([0, 0.4, 0.2, 0.6, 1, 0.8]));
  });

  test("divides 16 bits by 65535, and keeps grey as one channel", () => {
    const tensor = fromPixels({ data: new Uint16Array([0, 1, 65535]), width: 3, height: 1, channels: 1 });
    expect(tensor.data).toEqual(Float32Array.from([0, 1 / 65535, 1]));
  });

  test("infers channels from the length, as for ImageData", () => {
    const shapes = [1, 2, 3, 4].map(
      (channels) => fromPixels({ data: new Uint8ClampedArray(6 * channels).fill(255), width: 3, height: 2 }).shape,
    );
    expect(shapes.map((shape) => shape[1])).toEqual([1, 1, 3, 3]);
  });

  const half: Pixels = { data: new Uint8Array([255, 0, 0, 255, 255, 0, 0, 51]), width: 2, height: 1, channels: 4 };
  const greyHalf: Pixels = { data: new Uint16Array([13107, 65535, 65535, 13107]), width: 2, height: 1, channels: 2 };

  test("refuses transparency by default, naming the pixel", () => {
    expect(() => fromPixels(half)).toThrow(/fromPixels: pixel \(1, 0\) is transparent \(alpha 51 of 255\).*composite/);
    expect(() => fromPixels(half, { alpha: "reject", background: [0, 0, 0] })).toThrow(/transparent/);
  });

  test("composites as value x alpha + background x (1 - alpha), over white by default", () => {
    const overWhite = fromPixels(half, { alpha: "composite" });
    expect(overWhite.data).toEqual(Float32Array.from([1, 1, 0, 0.8, 0, 0.8]));
    const overBlue = fromPixels(half, { background: [0, 0, 1] });
    expect(overBlue.data).toEqual(Float32Array.from([1, 0.2, 0, 0, 0, 0.8]));
  });

  test("keeps grey over grey, and returns RGB over a colour", () => {
    const overBlack = fromPixels(greyHalf, { background: [0, 0, 0] });
    expect(overBlack.shape).toEqual([1, 1, 1, 2]);
    expect(overBlack.data).toEqual(Float32Array.from([0.2, 0.2]));
    const overRed = fromPixels(greyHalf, { background: [1, 0, 0] });
    expect(overRed.shape).toEqual([1, 3, 1, 2]);
    expect(overRed.data).toEqual(Float32Array.from([0.2, 1, 0.2, 0.2, 0.2, 0.2]));
  });

  test("accepts backgrounds by name, in hexadecimal digits, and as a checkerboard", () => {
    const clear: Pixels = { data: new Uint8Array(4), width: 1, height: 1, channels: 4 };
    const under = (background: Background) => Array.from(fromPixels(clear, { background }).data);
    // CSS 2.1, section 4.3.6
    expect(under("orange")).toEqual([1, Math.fround(165 / 255), 0]);
    expect(under("Navy")).toEqual([0, 0, Math.fround(128 / 255)]);
    expect(under("#ff8000")).toEqual([1, Math.fround(128 / 255), 0]);
    expect(under("#F80")).toEqual([1, Math.fround(136 / 255), 0]);
    const board = fromPixels({ data: new Uint8Array(20 * 20 * 4), width: 20, height: 20 }, { background: "checker" });
    const at = (x: number, y: number) => board.data[y * 20 + x];
    const corners = [at(0, 0), at(7, 7), at(8, 0), at(15, 7), at(16, 0), at(0, 8), at(8, 8)];
    expect(corners).toEqual([1, 1, 0.8, 0.8, 1, 0.8, 1].map(Math.fround));
  });

  test("gives colours times alpha, then alpha, for compared alpha, without invisible colours", () => {
    const planes = fromPixels(half, { alpha: "compare" });
    expect(planes.shape).toEqual([1, 4, 1, 2]);
    expect(planes.data).toEqual(Float32Array.from([1, 0.2, 0, 0, 0, 0, 1, 0.2]));
    const grey = fromPixels(greyHalf, { alpha: "compare" });
    expect([grey.shape, Array.from(grey.data)]).toEqual([[1, 2, 1, 2], [0.2, 0.2, 1, 0.2].map(Math.fround)]);
    const hidden = (red: number) => ({ data: new Uint8Array([red, 1, 2, 0]), width: 1, height: 1 });
    expect(fromPixels(hidden(9), { alpha: "compare" })).toEqual(fromPixels(hidden(200), { alpha: "compare" }));
    const opaque = { ...half, data: half.data.map((value, i) => (i % 4 === 3 ? 255 : value)) };
    expect(fromPixels(opaque, { alpha: "compare" }).shape).toEqual([1, 3, 1, 2]);
  });

  test.each<[string, Parameters<typeof fromPixels>, string, RegExp]>([
    ["floats", [{ data: new Float32Array(3) as never, width: 1, height: 1 }], "invalid-argument", /pixels\.data/],
    [
      "too few samples",
      [{ data: new Uint8Array(11), width: 2, height: 2, channels: 3 }],
      "shape",
      /11 samples.*2x2.*3/,
    ],
    ["no channel count fits", [{ data: new Uint8Array(20), width: 2, height: 2 }], "shape", /20 samples.*1 to 4/],
    ["no pixels", [{ data: new Uint8Array(0), width: 0, height: 0 }], "shape", /0x0/],
    ["half a pixel", [{ data: new Uint8Array(3), width: 0.5, height: 2, channels: 3 }], "shape", /0\.5x2/],
    ["five channels", [{ data: new Uint8Array(5), width: 1, height: 1, channels: 5 }], "shape", /5 channels/],
    ["0-255 background", [half, { background: [255, 255, 255] }], "invalid-argument", /background.*\[0, 1\].*255/],
    ["NaN background", [half, { background: [0, Number.NaN, 0] }], "invalid-argument", /background/],
    ["a colour of no name", [half, { background: "reddish" }], "invalid-argument", /background.*navy.*"reddish"/],
    ["half a number", [half, { background: "#12" }], "invalid-argument", /background.*"#12"/],
    ["unknown alpha", [half, { alpha: "drop" as never }], "invalid-argument", /alpha.*"drop"/],
  ])("refuses %s", (_, [pixels, options], code, message) => {
    expect(() => fromPixels(pixels, options)).toThrow(expect.objectContaining({ code }));
    expect(() => fromPixels(pixels, options)).toThrow(message);
  });
});

describe("toPixels", () => {
  test("clamps, rounds and interleaves", () => {
    const pixels = toPixels(Tensor.from([-1, 0.5, 2, 0.1, 0.2, 1 / 255], [1, 3, 1, 2]));
    expect(pixels).toEqual({
      data: new Uint8ClampedArray([0, 255, 51, 128, 26, 1]),
      width: 2,
      height: 1,
      channels: 3,
    });
  });

  test("preserves every 8-bit and 16-bit level in a round trip", () => {
    const bytes = Uint8ClampedArray.from({ length: 256 }, (_, i) => i);
    expect(toPixels(fromPixels({ data: bytes, width: 16, height: 16 })).data).toEqual(bytes);
    const words = Uint16Array.from({ length: 65536 }, (_, i) => i);
    expect(toPixels(fromPixels({ data: words, width: 256, height: 256 }), { bitDepth: 16 }).data).toEqual(words);
  });

  test("gives grey and colour an opaque alpha, ready for ImageData", () => {
    expect(toPixels(Tensor.from([0.2], [1, 1, 1, 1]), { rgba: true }).data).toEqual(
      new Uint8ClampedArray([51, 51, 51, 255]),
    );
    expect(toPixels(Tensor.from([1, 0, 0.2], [1, 3, 1, 1]), { rgba: true, bitDepth: 16 }).data).toEqual(
      new Uint16Array([65535, 0, 13107, 65535]),
    );
  });

  test("selects an image of a batch by index", () => {
    const batch = Tensor.from([0, 1], [2, 1, 1, 1]);
    expect(toPixels(batch, { index: 1 }).data[0]).toBe(255);
    expect(() => toPixels(batch)).toThrow(/index must name one image of the batch 2x1x1x1/);
    expect(() => toPixels(batch, { index: 2 })).toThrow(/index/);
  });

  test.each<[string, Parameters<typeof toPixels>, string]>([
    ["two channels", [Tensor.full([1, 2, 1, 1], 0)], "shape"],
    ["NaN", [Tensor.full([1, 1, 1, 1], Number.NaN)], "non-finite"],
    ["infinity", [Tensor.full([1, 1, 1, 1], Number.POSITIVE_INFINITY)], "non-finite"],
    ["12 bits", [Tensor.full([1, 1, 1, 1], 0), { bitDepth: 12 as never }], "invalid-argument"],
  ])("refuses %s", (_, [tensor, options], code) => {
    expect(() => toPixels(tensor, options)).toThrow(expect.objectContaining({ code }));
  });
});
