import { evenStrips, type StripKernel } from "./strip.ts";
import type { SobelSpec } from "./types.ts";

const kinds = { derivative: { l1: 0, mse: 1 }, magnitude: { l1: 2, mse: 3 } } as const;

/** What smooths a derivative across its direction: the weight of both neighbours, and of the pixel itself. */
const smoothings = { sobel: [1, 2], diff: [0, 1] } as const;

/** Samples of one channel in a strip: the rows beyond it that it reads too are few then, and all of it stays in a cache. */
const stripSamples = 2 ** 17;

/** How many errors each sample of the images has. */
function directions({ form }: SobelSpec): number {
  return form === "derivative" ? 2 : 1;
}

/** Derivatives against the target's. */
export const sobel: StripKernel<SobelSpec> = {
  needsTarget: true,
  weight: 1,
  inPlace: true,
  mapSize: (_, [, height, width]) => [height, width],
  strips: (_, [, height, width]) => evenStrips(height, Math.max(16, Math.ceil(stripSamples / width))),
  sourceRows: (_, [, height], [from, to]) => [Math.max(from - 2, 0), Math.min(to + 2, height)],
  gradRows: (_, __, strip) => strip,
  mapRows: (_, __, strip) => strip,
  weightRows: (_, [, height], [from, to]) => [Math.max(from - 1, 0), Math.min(to + 1, height)],
  run: (kernels, spec, planes, strip, { output, target, grad, map, weight }) => {
    const [channels, height, width] = planes;
    const [from, to] = strip;
    const [first, end] = sobel.sourceRows(spec, planes, strip);
    const [weightFrom, weightTo] = sobel.weightRows!(spec, planes, strip);
    const pixels = (end - first) * width;
    const stride = (pixels + 7) & ~3;
    const [side, centre] = smoothings[spec.mode];
    const total = spec.normalized ? 2 * (2 * side + centre) : 1;
    const share = 1 / (directions(spec) * channels);

    kernels.reset();
    const [x, y] = [output, target!].map(({ address }) => (address === undefined ? kernels.floats(stride) : 0));
    const [stagingX, stagingY] = [output, target!].map((rows) => kernels.staging(rows, pixels));
    const cells = map ? kernels.floats((to - from) * width) : 0;
    const weights = weight ? kernels.floats((weightTo - weightFrom) * width) : 0;
    const gradient = grad && grad.address === undefined ? kernels.floats((to - from) * width) : 0;
    const scratch = kernels.bytes(kernels.run.derivativesScratch(width));
    kernels.run.derivativesConfigure(side / total, centre / total, 1, spec.epsilon ?? 0);
    if (map) kernels.view(cells, (to - from) * width).fill(0);
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) {
      const one = [channel, channel + 1] as const;
      const outputs = kernels.source(output, one, first * width, end * width, x, stride, stagingX);
      const targets = kernels.source(target!, one, first * width, end * width, y, stride, stagingY);
      if (weight) kernels.readChannel(weight, channel, weightFrom * width, weightTo * width, weights);
      const slopes = grad ? kernels.target(grad, channel, from * width, gradient) : 0;
      sum += kernels.run.derivativesStrip(
        kinds[spec.form][spec.distance],
        outputs.address,
        targets.address,
        first,
        height,
        width,
        from,
        to,
        cells,
        share,
        weights,
        slopes,
        share / (height * width),
        scratch,
      );
      if (grad) kernels.write(grad, channel, from * width, to * width, slopes);
    }
    if (map) kernels.write(map, 0, from * width, to * width, cells);
    return Float64Array.of(sum);
  },
  finish: (spec, [channels, height, width], [sum]) => sum / (directions(spec) * channels * height * width),
};
