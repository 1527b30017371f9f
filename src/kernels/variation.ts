import { channelGroups, stagingBytes } from "./module.ts";
import { evenStrips, type StripKernel } from "./strip.ts";
import type { Planes, VariationSpec } from "./types.ts";

const forms = { anisotropic: 0, squared: 1, isotropic: 2 } as const;

/** Samples of one channel that are in memory at a time; enough rows that the two rows of halo cost little. */
const bandSamples = 32768;

/** What each horizontal and each vertical term weighs in the score. */
function weights({ form, reduction }: VariationSpec, [channels, height, width]: Planes): [number, number] {
  if (reduction === "sum") return [1, 1];
  if (form === "isotropic") return [1 / (channels * height * width), 0];
  // An image one pixel wide or high has no terms in that direction, so its weight meets only zeros.
  return [1 / (channels * height * Math.max(width - 1, 1)), 1 / (channels * Math.max(height - 1, 1) * width)];
}

/** Total variation in all its forms. */
export const variation: StripKernel<VariationSpec> = {
  needsTarget: false,
  weight: 1,
  mapSize: () => undefined,
  strips: (_, [channels, height, width]) => evenStrips(height, Math.ceil(2 ** 20 / (channels * width))),
  sourceRows: (_, [, height], [from, to]) => [Math.max(from - 1, 0), Math.min(to + 1, height)],
  gradRows: (_, __, strip) => strip,
  mapRows: () => [0, 0],
  run: (kernels, spec, planes, [first, end], { output, grad }) => {
    const [, height, width] = planes;
    const [across, down] = weights(spec, planes);
    const band = Math.min(Math.max(4, Math.floor(bandSamples / width)), end - first);
    const groups = channelGroups(output);
    const groupChannels = groups[0][1] - groups[0][0];
    const stride = ((band + 2) * width + 7) & ~3;
    kernels.reset();
    const x = kernels.floats(groupChannels * stride);
    const staging = kernels.bytes(stagingBytes((band + 2) * width, output));
    const gradient = grad ? kernels.floats((band + 1) * width) : 0;
    const carry = grad ? kernels.floats(width + 4) : 0;
    let sum = 0;
    for (const group of groups) {
      for (let from = first; from < end; from += band) {
        const to = Math.min(from + band, end);
        const skip = grad && from > 0 ? 1 : 0;
        const hasBelow = to < height;
        kernels.read(output, group, (from - skip) * width, (to + (hasBelow ? 1 : 0)) * width, x, stride, staging);
        for (let channel = group[0]; channel < group[1]; channel++) {
          sum += kernels.run.variation(
            forms[spec.form],
            x + (channel - group[0]) * stride * 4,
            to - from + skip,
            skip,
            hasBelow,
            width,
            (spec.epsilon ?? 0) ** 2,
            across,
            down,
            gradient,
            carry,
          );
          if (grad) kernels.write(grad, channel, from * width, to * width, gradient + skip * width * 4);
        }
      }
    }
    return Float64Array.of(sum);
  },
  finish: (_, __, [sum]) => sum,
};
