import type { EdgeSpec } from "../types.ts";
import { channelReader } from "./channel-reader.ts";
import { evenStrips, type StripKernel } from "./strip.ts";

/** Rows above and below whose slopes the gradient of a row is made of; each is made of as many rows. */
const reach = 4;

/** Samples of one channel in a strip: the rows beyond it that it reads too are few then, and both images stay in a second-level cache. */
const stripSamples = 2 ** 16;

/** Charbonnier's error of Laplacians. */
export const edge: StripKernel<EdgeSpec> = {
  needsTarget: true,
  weight: 1,
  inPlace: true,
  mapSize: (_, [, height, width]) => [height, width],
  strips: (_, [, height, width]) => evenStrips(height, Math.max(32, Math.ceil(stripSamples / width))),
  sourceRows: (_, [, height], [from, to]) => [Math.max(from - 2 * reach, 0), Math.min(to + 2 * reach, height)],
  gradRows: (_, __, strip) => strip,
  mapRows: (_, __, strip) => strip,
  weightRows: (_, [, height], [from, to]) => [Math.max(from - reach, 0), Math.min(to + reach, height)],
  run: (kernels, spec, planes, strip, { output, target, grad, map, weight }) => {
    const [channels, height, width] = planes;
    const [from, to] = strip;
    const [first, end] = edge.sourceRows(spec, planes, strip);
    const [weightFrom, weightTo] = edge.weightRows!(spec, planes, strip);
    const pixels = (end - first) * width;
    const own = (to - from) * width;
    kernels.reset();
    const [readOutput, readTarget] = [output, target!].map((rows) => channelReader(kernels, rows, pixels));
    const cells = map ? kernels.floats(own) : 0;
    const weights = weight ? kernels.floats((weightTo - weightFrom) * width) : 0;
    const gradient = grad && grad.address === undefined ? kernels.floats(own) : 0;
    const scratch = kernels.bytes(kernels.run.edgeScratch(width));
    if (map) kernels.view(cells, own).fill(spec.epsilon);
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) {
      if (weight) kernels.readChannel(weight, channel, weightFrom * width, weightTo * width, weights);
      const slopes = grad ? kernels.target(grad, channel, from * width, gradient) : 0;
      sum += kernels.run.edgeStrip(
        readOutput(channel, first * width, end * width),
        readTarget(channel, first * width, end * width),
        first,
        height,
        width,
        from,
        to,
        spec.epsilon,
        cells,
        1 / channels,
        weights,
        slopes,
        1 / (channels * height * width),
        scratch,
      );
      if (grad) kernels.write(grad, channel, from * width, to * width, slopes);
    }
    if (map) kernels.write(map, 0, from * width, to * width, cells);
    return Float64Array.of(sum);
  },
  // The kernel leaves out Charbonnier's smallest value, which float32 would round.
  finish: ({ epsilon }, [channels, height, width], [sum]) => sum / (channels * height * width) + epsilon,
};
