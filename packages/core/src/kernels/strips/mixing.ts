import type { Kernels } from "../module.ts";
import type { Mixing, MixingSpec } from "../types.ts";
import { readingStrips, type StripKernel } from "./strip.ts";

/** Samples of a channel that are in memory at a time, so that a piece stays in a second-level cache. */
const pieceSamples = 32768;

/** The weight of each channel; grey is all three. */
export function lumaWeights(channels: number, { weights }: Mixing): readonly number[] {
  return channels === 1 ? [weights.reduce((sum, weight) => sum + weight, 0)] : weights;
}

/** Mixes channels, `stride` floats apart, into the first of them. */
export function mix(kernels: Kernels, planes: number, stride: number, channels: number, count: number, mixing: Mixing) {
  const [red, green = 0, blue = 0] = lumaWeights(channels, mixing);
  kernels.run.mix(planes, channels === 1 ? 0 : stride * 4, count, red, green, blue, mixing.offset);
}

/** The planes that the channels of the output and of the target are mixed to, as a map. */
export const mixing: StripKernel<MixingSpec> = {
  needsTarget: false,
  weight: 4,
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
    for (const [plane, { image, staging }] of images.entries()) {
      for (let first = from * width; first < to * width; first += piece) {
        const end = Math.min(first + piece, to * width);
        kernels.read(image, [0, channels], first, end, x, stride, staging);
        mix(kernels, x, stride, channels, end - first, spec.mixing);
        kernels.write(map!, plane, first, end, x);
      }
    }
    return new Float64Array();
  },
  finish: () => Number.NaN,
};
