import { ReconlossError } from "../errors.ts";
import { formatShape, type Tensor } from "../tensor.ts";
import { checkColours } from "./colours.ts";
import { module as derivativesModule } from "./generated/derivatives.ts";
import { module as pyramidModule } from "./generated/pyramid.ts";
import { byImage, type ImageScore, type ImageTask, type KernelRun } from "./kernel.ts";
import type { Kernels } from "./module.ts";
import { addCoarser, halfSize, halvePlanes, lumaWeights, mixPlanes, type Odd } from "./pyramid.ts";
import { dimensions, type NotedExtremes, planarRows, rowsOf } from "./rows.ts";
import { derivatives } from "./strips/derivatives.ts";
import type { GmsdSpec, KernelImage, Planes } from "./types.ts";

const oddOf = ({ odd }: GmsdSpec): Odd => (odd === "zero" ? "zero after" : odd);

/** Of these, rounding in float64 alone makes a variance of numbers that are all the same. */
const leastVariance = 1e-15;

/** The planes of every scale that counts; those of others are made only where the next scale is made of them. */
function pyramid(
  kernels: Kernels,
  spec: GmsdSpec,
  image: KernelImage,
  name: keyof NotedExtremes,
): (Tensor | undefined)[] {
  const { planes } = dimensions(image);
  const [rows, mixing] = [rowsOf(image, 0, name), spec.luma];
  const scales: (Tensor | undefined)[] = [];
  for (const [scale, weight] of spec.weights.entries()) {
    const finer = scales[scale - 1];
    if (scale === 0)
      scales.push(weight > 0 || spec.weights.length === 1 ? mixPlanes(kernels, rows, planes, mixing) : undefined);
    else if (finer) scales.push(halvePlanes(kernels, rowsOf(finer, 0), dimensions(finer).planes, oddOf(spec)));
    else scales.push(halvePlanes(kernels, rows, planes, oddOf(spec), mixing));
  }
  return scales;
}

/** The score of one image: the root of the weighted sum of the variances of each scale. */
function* scoreImage(
  kernels: Kernels,
  spec: GmsdSpec,
  { output, target, grad, map }: ImageTask,
): KernelRun<ImageScore> {
  const similarity = { kind: "similarity", constant: spec.constant, masking: spec.masking } as const;
  const [x, y] = [pyramid(kernels, spec, output, "output"), pyramid(kernels, spec, target, "target")];
  const extremes = kernels.takeExtremes();
  const scales = spec.weights.map((weight) => ({ weight, mean: 0, variance: 0, slope: 0 }));
  for (const [i, scale] of scales.entries()) {
    if (scale.weight === 0) continue;
    const { sums } = yield { kernel: derivatives, spec: similarity, output: x[i]!, target: y[i]!, map };
    const places = x[i]!.data.length;
    const [mean, square] = Array.from(sums[0], (sum) => sum / places);
    const variance = square - mean ** 2;
    const bessel = spec.deviation === "sample" ? places / (places - 1) : 1;
    scale.mean = mean;
    scale.variance = variance > leastVariance * square ? variance * bessel : 0;
    scale.slope = (scale.weight * bessel) / places;
  }
  const score = Math.sqrt(scales.reduce((sum, { weight, variance }) => sum + weight * variance, 0));
  if (grad === undefined) return { score, extremes };
  let coarse: Float32Array | undefined;
  for (let i = scales.length - 1; i >= 0; i--) {
    const { mean, variance, slope } = scales[i];
    const own = variance > 0 ? new Float32Array(x[i]!.data.length) : undefined;
    if (own) {
      const slopes = { mean, factor: slope / score };
      yield { kernel: derivatives, spec: { ...similarity, slopes }, output: x[i]!, target: y[i]!, grad: own };
    }
    if (i > 0) {
      const { planes } = dimensions(x[i]!);
      const rows = planarRows(own ?? new Float32Array(x[i]!.data.length), planes);
      if (coarse) addCoarser(kernels, rows, planes, oddOf(spec), { own: own && rows, scales: [1], coarse });
      coarse = rows.data;
    } else {
      const { planes: whole } = dimensions(output);
      const shares = lumaWeights(whole[0], spec.luma);
      const ofLuma = own && planarRows(own, [1, whole[1], whole[2]]);
      addCoarser(kernels, planarRows(grad, whole), whole, oddOf(spec), { own: ofLuma, scales: shares, coarse, shares });
    }
  }
  return { score, extremes };
}

/** The size of the coarsest scale. */
function coarsest(spec: GmsdSpec, planes: Planes): readonly [height: number, width: number] {
  return spec.weights
    .slice(1)
    .reduce<readonly [number, number]>((size) => halfSize([1, ...size], oddOf(spec)), [planes[1], planes[2]]);
}

/** Deviations of the similarity of gradient magnitudes: lumas of each scale here, similarities in strips. */
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
