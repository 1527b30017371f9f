import { arePlanesInPlace, planeStride, type Planes as Source, sumInOrder } from "../module.ts";
import type { Planes, VariationSpec } from "../types.ts";
import { evenStrips, type StripKernel } from "./strip.ts";

const forms = { anisotropic: 0, squared: 1, isotropic: 2 } as const;

/** Samples of one channel that are in memory at a time, with as many of its gradient: both stay in a second-level cache. */
const bandSamples = 32768;

/** The weights of each horizontal and each vertical term in the score. */
function weights({ form, reduction }: VariationSpec, [channels, height, width]: Planes): [number, number] {
  if (reduction === "sum") return [1, 1];
  if (reduction === "channel-sum") return [1 / channels, 1 / channels];
  if (form === "isotropic") return [1 / (channels * height * width), 0];
  // An image one pixel wide or high has no terms in that direction, so its weight meets only zeros.
  return [1 / (channels * height * Math.max(width - 1, 1)), 1 / (channels * Math.max(height - 1, 1) * width)];
}

/** Total variation in all its forms. */
export const variation: StripKernel<VariationSpec> = {
  needsTarget: false,
  weight: 1,
  inPlace: true,
  mapSize: () => undefined,
  strips: (_, [channels, height, width]) => evenStrips(height, Math.ceil(2 ** 20 / (channels * width))),
  sourceRows: (_, [, height], [from, to]) => [Math.max(from - 1, 0), Math.min(to + 1, height)],
  gradRows: (_, __, strip) => strip,
  mapRows: () => [0, 0],
  run: (kernels, spec, planes, [first, end], { output, grad }) => {
    const [channels, height, width] = planes;
    const [across, down] = weights(spec, planes);
    const inPlace = arePlanesInPlace(output);
    const band = inPlace ? end - first : Math.min(Math.max(4, Math.floor(bandSamples / width)), end - first);
    const stride = planeStride((band + 1) * width);
    const owed = width + 4;
    kernels.reset();
    const x = inPlace ? 0 : kernels.floats(stride);
    const staging = kernels.staging(output, (band + 1) * width);
    const owing = grad ? kernels.floats(width) : 0;
    const gradient = grad && grad.address === undefined ? kernels.floats(band * width) : 0;
    const carries = kernels.floats(channels * owed);
    const score = (source: Source, channel: number, rows: number, hasBelow: boolean, slopes: number) =>
      kernels.run.variation(
        forms[spec.form],
        source.address,
        rows,
        hasBelow,
        width,
        (spec.epsilon ?? 0) ** 2,
        across,
        down,
        slopes,
        carries + channel * owed * 4,
        kernels.noteOf(output),
      );
    const read = (channel: number, from: number, to: number) =>
      kernels.source(output, [channel, channel + 1], from * width, to * width, x, stride, staging, "by the kernel");
    kernels.view(carries, channels * owed).fill(0);
    if (grad && first > 0) {
      // The row above is not scored here, but owes this strip's first row a share of the gradient.
      for (let channel = 0; channel < channels; channel++) {
        score(read(channel, first - 1, first + 1), channel, 1, true, owing);
      }
    }
    const sums = Array.from({ length: channels }, (): number[] => []);
    for (let from = first; from < end; from += band) {
      const to = Math.min(from + band, end);
      const hasBelow = to < height;
      for (let channel = 0; channel < channels; channel++) {
        const source = read(channel, from, to + (hasBelow ? 1 : 0));
        const slopes = grad ? kernels.target(grad, channel, from * width, gradient) : 0;
        sums[channel].push(score(source, channel, to - from, hasBelow, slopes));
        if (grad) kernels.write(grad, channel, from * width, to * width, slopes);
      }
    }
    return Float64Array.of(sumInOrder(sums));
  },
  finish: (_, __, [sum]) => sum,
};
