import { expect, test } from "vitest";
import { type LumaSource, lumaOf } from "../../packages/core/src/pixels/luma.ts";

/** A frame whose Y plane begins at byte 6 with rows of 8 samples, of which 3x2 are visible. */
function frameOf(format: string, samples: Uint8Array | Uint16Array, colour = {}): LumaSource {
  const { BYTES_PER_ELEMENT: size } = samples;
  const bytes = new Uint8Array(6 + samples.byteLength);
  bytes.set(new Uint8Array(samples.buffer), 6);
  return {
    format,
    displayWidth: 3,
    displayHeight: 2,
    visibleRect: { width: 3, height: 2 },
    colorSpace: { fullRange: null, matrix: null, ...colour },
    allocationSize: () => bytes.length,
    copyTo: async (destination) => {
      destination.set(bytes);
      return [{ offset: 6, stride: 8 * size }];
    },
    close: () => {},
  };
}

test.each(["I420", "I420A", "I422", "I444", "I444A", "NV12"])(
  "the luma of %s is its first plane, unchanged",
  async (format) => {
    const samples = Uint8Array.from({ length: 16 }, (_, i) => 10 * i);
    const { image, ...rest } = await lumaOf(frameOf(format, samples, { fullRange: false, matrix: "bt709" }));
    expect(image.shape).toEqual([1, 1, 2, 3]);
    expect(Array.from(image.tensor.data)).toEqual([0, 10, 20, 80, 90, 100].map((level) => Math.fround(level / 255)));
    expect(rest).toEqual({ range: "limited", matrix: "bt709" });
  },
);

test.each([
  ["I420P10", 1023],
  ["I444AP12", 4095],
])("%s is scaled to the full range", async (format, white) => {
  const samples = Uint16Array.of(0, 1, white, 0, 0, 0, 0, 0, white, 64, 0, 0, 0, 0, 0, 0);
  const { image, ...rest } = await lumaOf(frameOf(format, samples, { fullRange: true }));
  const got = Array.from(image.tensor.data);
  for (const [i, level] of [0, 1, white, white, 64, 0].entries()) expect(got[i]).toBeCloseTo(level / white, 4);
  expect([got[0], got[2]]).toEqual([0, 1]);
  expect(rest).toEqual({ range: "full" });
});

test("rejects frames without luma", async () => {
  await expect(lumaOf(frameOf("RGBA", new Uint8Array(16)))).rejects.toMatchObject({
    code: "image",
    message: "lumaOf: frame has format RGBA, which has no plane of luma",
  });
  const closed = { ...frameOf("I420", new Uint8Array(16)), format: null };
  await expect(lumaOf(closed)).rejects.toThrow("lumaOf: frame has no pixels that can be read, or was closed");
});
