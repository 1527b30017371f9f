import { ReconlossError } from "../errors.ts";
import { formatShape, type Tensor } from "../tensor.ts";
import { checkColours } from "./colours.ts";
import { module as derivativesModule } from "./generated/derivatives.ts";
import { module as pyramidModule } from "./generated/pyramid.ts";
import { byImage, type ImageScore, type ImageTask, type KernelRun } from "./kernel.ts";
import type { Kernels } from "./module.ts";
import type { PlanesOfPair } from "./passes.ts";
import { addCoarser, halvePlanes, mixPlanes } from "./pyramid.ts";
import { dimensions } from "./rows.ts";
import { sharedPlanes } from "./shared-planes.ts";
import { similarities } from "./strips/derivatives.ts";
import { halfSize } from "./strips/halving.ts";
import { lumaWeights } from "./strips/mixing.ts";
import type { GmsdSpec, Planes } from "./types.ts";

const oddOf = ({ odd }: GmsdSpec) => (odd === "zero" ? "zero after" : odd);

/** Of these, rounding in float64 alone makes a variance of numbers that are all the same. */
const leastVariance = 1e-15;

/** The lumas of every scale that counts; those of others are made only where the next scale is made of them. */
function* pyramid(spec: GmsdSpec, images: ImageTask): KernelRun<(PlanesOfPair | undefined)[]> {
  const scales: (PlanesOfPair | undefined)[] = [];
  for (const [scale, weight] of spec.weights.entries()) {
    const finer = scales[scale - 1];
    if (scale === 0)
      scales.push(weight > 0 || spec.weights.length === 1 ? yield* mixPlanes(images, spec.luma) : undefined);
    else if (finer) scales.push(yield* halvePlanes(finer, { odd: oddOf(spec) }, true));
    else scales.push(yield* halvePlanes(images, { odd: oddOf(spec), mixing: spec.luma }));
  }
  return scales;
}

/** The score of one image: the root of the weighted sum of the variances of each scale. */
function* scoreImage(_: Kernels, spec: GmsdSpec, images: ImageTask): KernelRun<ImageScore> {
  const { grad, map } = images;
  const similarity = { kind: "similarity", constant: spec.constant, masking: spec.masking } as const;
  const pairs = yield* pyramid(spec, images);
  // The first that is made is made of the images.
  const extremes = pairs.find((pair) => pair)!.extremes;
  const pass = (i: number) => {
    const { output, target } = pairs[i]!;
    return { kernel: similarities, output, target, unnoted: true };
  };
  const scales = spec.weights.map((weight) => ({ weight, mean: 0, variance: 0, slope: 0 }));
  for (const [i, scale] of scales.entries()) {
    if (scale.weight === 0) continue;
    const { sums } = yield { ...pass(i), spec: similarity, map };
    const places = pairs[i]!.output.data.length;
    const [mean, square] = Array.from(sums[0], (sum) => sum / places);
    const variance = square - mean ** 2;
    const bessel = spec.deviation === "sample" ? places / (places - 1) : 1;
    scale.mean = mean;
    scale.variance = variance > leastVariance * square ? variance * bessel : 0;
    scale.slope = (scale.weight * bessel) / places;
  }
  const score = Math.sqrt(scales.reduce((sum, { weight, variance }) => sum + weight * variance, 0));
  if (grad === undefined) return { score, extremes };
  const odd = oddOf(spec);
  let coarse: Tensor | undefined;
  for (let i = scales.length - 1; i >= 0; i--) {
    const { mean, variance, slope } = scales[i];
    const own = variance > 0 ? sharedPlanes(dimensions(pairs[i]!.output).planes) : undefined;
    if (own) {
      const slopes = { mean, factor: slope / score };
      yield { ...pass(i), spec: { ...similarity, slopes }, grad: own.data };
    }
    if (i > 0) {
      const image = pairs[i]!.output;
      const whole = own ?? sharedPlanes(dimensions(image).planes);
      if (coarse) yield* addCoarser({ image, grad: whole.data, own, coarse }, { odd, scales: [1] });
      coarse = whole;
    } else {
      const shares = lumaWeights(dimensions(images.output).planes[0], spec.luma);
      yield* addCoarser({ image: images.output, grad, own, coarse }, { odd, scales: shares, shares });
    }
  }
  return { score, extremes };
}

/** The size of the coarsest scale. */
function coarsest(spec: GmsdSpec, planes: Planes): readonly [height: number, width: number] {
  return spec.weights
    .slice(1)
    .reduce<readonly [number, number]>((size) => halfSize(oddOf(spec), [1, ...size]), [planes[1], planes[2]]);
}

/** Deviations of the similarity of gradient magnitudes: lumas of each scale and similarities, all in strips. */
export const gmsd = byImage(
  scoreImage,
  [pyramidModule, derivativesModule],
  (name, spec, shape) => {
    checkColours(name, shape);
    const [height, width] = coarsest(spec, [shape[1], shape[2], shape[3]]);
    if (height * width >= 2) return;
    throw new ReconlossError("shape", `${name}: output is ${formatShape(shape)}, too small for a deviation`);
  },
  (spec, planes) => (spec.weights.slice(0, -1).every((weight) => weight === 0) ? coarsest(spec, planes) : undefined),
);
