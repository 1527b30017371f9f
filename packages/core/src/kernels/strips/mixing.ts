import type { Kernels } from "../module.ts";
import type { Rows } from "../rows.ts";
import type { Mixing, MixingSpec } from "../types.ts";
import { readingStrips, type StripKernel } from "./strip.ts";

/** Samples of a channel that are in memory at a time, so that a piece stays in a second-level cache. */
const pieceSamples = 32768;

/** The weight of each channel; grey is all three. */
export function lumaWeights(channels: number, { weights }: Mixing): readonly number[] {
  return channels === 1 ? [weights.reduce((sum, weight) => sum + weight, 0)] : weights;
}

/** Reads pixels [from, to) of an image, notes their extremes, and mixes its channels, `stride` floats apart, into the first of them. */
export function readMixed(
  kernels: Kernels,
  { image, staging }: { readonly image: Rows; readonly staging: number },
  from: number,
  to: number,
  planes: number,
  stride: number,
  mixing: Mixing,
): void {
  const { channels } = image;
  const [red, green = 0, blue = 0] = lumaWeights(channels, mixing);
  kernels.read(image, [0, channels], from, to, planes, stride, staging, "by the kernel");
  const note = image.noted && image.layout === "planar" ? kernels.noteOf(image) : 0;
  kernels.run.mix(planes, channels === 1 ? 0 : stride * 4, to - from, red, green, blue, mixing.offset, note);
}

/** The planes that the channels of the output and of the target are mixed to, as a map. */
export const mixing: StripKernel<MixingSpec> = {
  needsTarget: false,
  weight: 1,
  mapSize: (_, [, height, width]) => [height, width],
  strips: (_, [channels, height, width]) => readingStrips(height, channels * width),
  sourceRows: (_, __, strip) => strip,
  gradRows: () => [0, 0],
  mapRows: (_, __, strip) => strip,
  run: (kernels, spec, [channels, , width], [from, to], { output, target, map }) => {
    const piece = Math.min(pieceSamples, (to - from) * width);
    const stride = (piece + 15) & ~3;
    kernels.reset();
    const x = kernels.floats(channels * stride);
    const images = (target ? [output, target] : [output]).map((image) => {
      return { image, staging: kernels.staging(image, piece) };
    });
    for (const [plane, image] of images.entries()) {
      for (let first = from * width; first < to * width; first += piece) {
        const end = Math.min(first + piece, to * width);
        readMixed(kernels, image, first, end, x, stride, spec.mixing);
        kernels.write(map!, plane, first, end, x);
      }
    }
    return new Float64Array();
  },
  finish: () => Number.NaN,
};
