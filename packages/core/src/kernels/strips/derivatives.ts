import type { SimilaritySpec, SobelSpec } from "../types.ts";
import { channelReader } from "./channel-reader.ts";
import { evenStrips, type StripKernel } from "./strip.ts";

const kinds = { derivative: { l1: 0, mse: 1 }, magnitude: { l1: 2, mse: 3 } } as const;
const similarity = 4;

/** The weights that smooth a derivative across its direction: of both neighbours, and of the pixel itself. */
const smoothings = { sobel: [1, 2], diff: [0, 1] } as const;

/** Samples of one channel in a strip: the rows beyond it that it reads too are few then, and all of it stays in a cache. Similarities take longer, and lie where all threads see them: more strips keep all of them at work. */
const stripSamples = { sobel: 2 ** 17, similarity: 2 ** 15 };

type Spec = SobelSpec | SimilaritySpec;

/** The compiled kernel's number of what is compared. */
function kindOf(spec: Spec): number {
  return spec.kind === "sobel" ? kinds[spec.form][spec.distance] : similarity;
}

/** The smoothing weights, over their sum where they are normalized; the factor of the border's pixel beyond the border; and the number of errors of each sample of the images. */
function layout(spec: Spec) {
  if (spec.kind === "similarity") return { side: 1 / 3, centre: 1 / 3, border: 0, errors: 1 };
  const [side, centre] = smoothings[spec.mode];
  const total = spec.normalized ? 2 * (2 * side + centre) : 1;
  return { side: side / total, centre: centre / total, border: 1, errors: spec.form === "derivative" ? 2 : 1 };
}

/** Derivatives against the target's, or the similarity of their lengths. */
export const derivatives: StripKernel<Spec> = {
  needsTarget: true,
  weight: 1,
  inPlace: true,
  mapSize: (_, [, height, width]) => [height, width],
  strips: ({ kind }, [, height, width]) => evenStrips(height, Math.max(16, Math.ceil(stripSamples[kind] / width))),
  sourceRows: (_, [, height], [from, to]) => [Math.max(from - 2, 0), Math.min(to + 2, height)],
  gradRows: (_, __, strip) => strip,
  mapRows: (_, __, strip) => strip,
  weightRows: (_, [, height], [from, to]) => [Math.max(from - 1, 0), Math.min(to + 1, height)],
  run: (kernels, spec, planes, strip, { output, target, grad, map, weight }) => {
    const [channels, height, width] = planes;
    const [from, to] = strip;
    const [first, end] = derivatives.sourceRows(spec, planes, strip);
    const [weightFrom, weightTo] = derivatives.weightRows!(spec, planes, strip);
    const pixels = (end - first) * width;
    const { side, centre, border, errors } = layout(spec);
    const share = 1 / (errors * channels);

    kernels.reset();
    const [readOutput, readTarget] = [output, target!].map((rows) => channelReader(kernels, rows, pixels));
    const cells = map ? kernels.floats((to - from) * width) : 0;
    const weights = weight ? kernels.floats((weightTo - weightFrom) * width) : 0;
    const gradient = grad && grad.address === undefined ? kernels.floats((to - from) * width) : 0;
    const scratch = kernels.bytes(kernels.run.derivativesScratch(width));
    const sums = kernels.bytes(16);
    kernels.view64(sums, 2).fill(0);
    kernels.run.derivativesConfigure(side, centre, border, spec.kind === "sobel" ? (spec.epsilon ?? 0) : 0);
    if (spec.kind === "similarity") {
      const mean = spec.slopes?.mean ?? 0;
      kernels.run.similarityConfigure(spec.constant, spec.masking, mean, mean - Math.fround(mean));
    }
    if (map) kernels.view(cells, (to - from) * width).fill(0);
    for (let channel = 0; channel < channels; channel++) {
      if (weight) kernels.readChannel(weight, channel, weightFrom * width, weightTo * width, weights);
      const slopes = grad ? kernels.target(grad, channel, from * width, gradient) : 0;
      kernels.run.derivativesStrip(
        kindOf(spec),
        readOutput(channel, first * width, end * width),
        readTarget(channel, first * width, end * width),
        first,
        height,
        width,
        from,
        to,
        sums,
        cells,
        share,
        weights,
        slopes,
        spec.kind === "similarity" ? (spec.slopes?.factor ?? 0) : share / (height * width),
        scratch,
      );
      if (grad) kernels.write(grad, channel, from * width, to * width, slopes);
    }
    if (map) kernels.write(map, 0, from * width, to * width, cells);
    return kernels.view64(sums, 2).slice();
  },
  finish: (spec, [channels, height, width], [sum]) => sum / (layout(spec).errors * channels * height * width),
};

/** The similarities alone, which have two roots and several divisions for each place. */
export const similarities: StripKernel<SimilaritySpec> = { ...derivatives, weight: 16 };
