import { expect, test } from "vitest";
import type { Resizer } from "../packages/core/src/pixels/resize.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { type GoldenCase, goldenCases, readNpy } from "./golden.ts";

/** The goldens' name of each resizer; the longest that fits counts. */
const names: [string, Resizer][] = [
  ["clean-bicubic", "clean"],
  ["tf1-bilinear", "legacy-tensorflow"],
  ["torch-bilinear-antialias", "pytorch-antialias"],
  ["torch-bilinear", "legacy-pytorch"],
];

interface ResizerCase extends GoldenCase {
  expected: { mean: number; std: number; l2: number; first: number[]; shape: number[] };
  array?: string;
  arrayChannels?: "all" | number[];
  row150channel0?: number[];
}

/** A way to resize the image file at `path`, values 0 to 255. */
type ResizeFile = (path: string, size: readonly [height: number, width: number], resizer: Resizer) => Promise<Tensor>;

/** Defines a test for each resizer golden. */
export function testResizerGoldens(resizeFile: ResizeFile): void {
  test.each(goldenCases("resizers") as ResizerCase[])("$id", async (golden) => {
    const [, resizer] = names.find(([name]) => golden.id.startsWith(name)) as [string, Resizer];
    const [channels, height, width] = golden.expected.shape;
    const got = toColour(await resizeFile(golden.inputs.image as string, [height, width], resizer));
    const plane = height * width;
    if (golden.array) {
      const stored = golden.arrayChannels;
      const which = Array.isArray(stored) ? stored : Array.from({ length: channels }, (_, channel) => channel);
      const { data } = readNpy(golden.array);
      expect(data.length).toBe(which.length * plane);
      const error = which.flatMap((channel, place) => {
        const values = got.data.subarray(channel * plane, (channel + 1) * plane);
        return [values.reduce((max, value, i) => Math.max(max, Math.abs(value - data[place * plane + i])), 0)];
      });
      expect(Math.max(...error)).toBeLessThanOrEqual(1e-4);
    }
    for (const [i, value] of golden.expected.first.entries())
      expect(Math.abs(got.data[i] - value)).toBeLessThanOrEqual(1e-4);
    for (const [i, value] of (golden.row150channel0 ?? []).entries()) {
      expect(Math.abs(got.data[150 * width + i] - value)).toBeLessThanOrEqual(1e-4);
    }
    const mean = got.data.reduce((sum, value) => sum + value, 0) / got.data.length;
    expect(Math.abs(mean - golden.expected.mean)).toBeLessThanOrEqual(1e-4);
  });
}

/** The image with three channels. */
function toColour(image: Tensor): Tensor {
  const [, c, h, w] = image.shape;
  if (c === 3) return image;
  const data = new Float32Array(3 * h * w);
  for (let channel = 0; channel < 3; channel++) data.set(image.data, channel * h * w);
  return new Tensor(data, [1, 3, h, w]);
}
