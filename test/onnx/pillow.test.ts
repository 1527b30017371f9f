import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { resizeAsPillow } from "../../packages/reconloss/src/onnx/pillow.ts";
import { randomTensor } from "../random.ts";

interface Golden {
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  readonly levels: readonly number[];
}

/** The results of Pillow itself: `by` has the version and the call, `input` the image. */
const { cases }: { cases: Golden[] } = JSON.parse(readFileSync(new URL("pillow.json", import.meta.url), "utf8"));

const level = (i: number) => (i * i * 7 + i * 31 + Math.floor(i / 5) * 53) % 256;

describe("8-bit images are resized bit-exactly as by Pillow", () => {
  test.each(cases)("$from to $to", ({ from: [height, width], to, levels }) => {
    const data = Uint8Array.from({ length: height * width }, (_, i) => level(i));
    const stored = resizeAsPillow({ data, height, width, channels: 1 }, to);
    expect([...stored.data].map((value) => Math.round(value * 255))).toEqual(levels);
    // The same from planes, from 16 bits, and as the third of interleaved channels.
    const planes = new Tensor(
      Float32Array.from(data, (value) => value / 255),
      [1, 1, height, width],
    );
    expect(resizeAsPillow(planes, to)).toEqual(stored);
    const deep = Uint16Array.from(data, (value) => value * 257);
    expect(resizeAsPillow({ data: deep, height, width, channels: 1 }, to)).toEqual(stored);
    const colour = Uint8Array.from({ length: 3 * data.length }, (_, i) => (i % 3 === 2 ? data[(i - 2) / 3] : 0));
    const third = resizeAsPillow({ data: colour, height, width, channels: 3 }, to);
    expect([...third.data.slice(2 * stored.data.length)]).toEqual([...stored.data]);
  });

  test("values beyond black and white are clamped, and an image of the same size is rounded to 8 bits", () => {
    const image = randomTensor([1, 3, 5, 7], 1, -0.5, 1.5);
    const wanted = image.data.map((value) => Math.round(Math.min(Math.max(value, 0), 1) * 255) / 255);
    expect([...resizeAsPillow(image, [5, 7]).data]).toEqual([...wanted]);
  });
});
