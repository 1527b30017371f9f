import { arePlanesInPlace, type Kernels, sumInOrder } from "../module.ts";
import { areBytes } from "../rows.ts";
import type { Planes, PointwiseSpec } from "../types.ts";
import { channelReader } from "./channel-reader.ts";
import { evenStrips, type StripData, type StripKernel } from "./strip.ts";

const kinds = { l1: 0, mse: 1, charbonnier: 2 } as const;

/** Samples of one image that are in memory at a time: three such pieces stay in a second-level cache. */
const pieceSamples = 32768;

/** The part of every score that the compiled kernel leaves out: Charbonnier's smallest value, which float32 would round. */
function base(spec: PointwiseSpec): number {
  return spec.kind === "charbonnier" ? spec.epsilon : 0;
}

/** l1, mse and Charbonnier. */
export const pointwise: StripKernel<PointwiseSpec> = {
  needsTarget: true,
  weight: 1,
  byteWeight: 0.5,
  inPlace: true,
  mapSize: (_, [, height, width]) => [height, width],
  strips: (_, [channels, height, width]) => evenStrips(height, Math.ceil(2 ** 20 / (channels * width))),
  sourceRows: (_, __, strip) => strip,
  gradRows: (_, __, strip) => strip,
  mapRows: (_, __, strip) => strip,
  weightRows: (_, __, strip) => strip,
  run: (kernels, spec, planes, [from, to], data) => {
    const [, , width] = planes;
    return Float64Array.of(scorePixels(kernels, spec, planes, from * width, to * width, data));
  },
  finish: (spec, [channels, height, width], [sum]) => sum / (channels * height * width) + base(spec),
};

function scorePixels(
  kernels: Kernels,
  spec: PointwiseSpec,
  [channels, height, width]: Planes,
  first: number,
  end: number,
  data: StripData,
): number {
  const { output, target, grad, map, weight } = data;
  const epsilon = spec.kind === "charbonnier" ? spec.epsilon : 0;
  if (!(grad || map || weight) && [output, target!].every(areBytes)) {
    return scoreBytes(kernels, kinds[spec.kind], epsilon, first, end, data);
  }
  const inPlace = [output, target!].every(arePlanesInPlace) && !map;
  const piece = inPlace ? end - first : Math.min(pieceSamples, (end - first + 3) & ~3);
  kernels.reset();
  const [readOutput, readTarget] = [output, target!].map((rows) => {
    return channelReader(kernels, rows, piece, "by the kernel");
  });
  const gradient = grad && grad.address === undefined ? kernels.floats(piece) : 0;
  const cells = map ? kernels.floats(piece) : 0;
  const weights = weight ? kernels.floats(piece) : 0;
  const sums = Array.from({ length: channels }, (): number[] => []);
  for (let p = first; p < end; p += piece) {
    const q = Math.min(p + piece, end);
    if (map) kernels.view(cells, piece).fill(base(spec));
    for (let channel = 0; channel < channels; channel++) {
      if (weight && (weight.channels > 1 || channel === 0)) kernels.readChannel(weight, channel, p, q, weights);
      const slopes = grad ? kernels.target(grad, channel, p, gradient) : 0;
      const sum = kernels.run.pointwise(
        kinds[spec.kind],
        readOutput(channel, p, q),
        readTarget(channel, p, q),
        q - p,
        epsilon,
        slopes,
        1 / (channels * height * width),
        cells,
        1 / channels,
        weights,
        kernels.noteOf(output),
        kernels.noteOf(target!),
      );
      sums[channel].push(sum);
      if (grad) kernels.write(grad, channel, p, q, slopes);
    }
    if (map) kernels.write(map, 0, p, q, cells);
  }
  return sumInOrder(sums);
}

/** {@link scorePixels} of samples of 8 bits, score alone: to the same bits, in the time of reading them. */
function scoreBytes(
  kernels: Kernels,
  kind: number,
  epsilon: number,
  first: number,
  end: number,
  { output, target }: StripData,
): number {
  kernels.reset();
  const images = [output, target!].map((rows) => ({ rows, staging: kernels.staging(rows, pieceSamples) }));
  const sums = Array.from({ length: output.channels }, (): number[] => []);
  for (let p = first; p < end; p += pieceSamples) {
    const q = Math.min(p + pieceSamples, end);
    const [x, y] = images.map(({ rows, staging }) => kernels.stage(rows, p, q, staging));
    for (const [channel, ofChannel] of sums.entries()) {
      ofChannel.push(kernels.run.pointwiseBytes(kind, x, output.step, y, target!.step, channel, q - p, epsilon));
    }
  }
  return sumInOrder(sums);
}
