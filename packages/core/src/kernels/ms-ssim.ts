import { Tensor } from "../tensor.ts";
import { module as pyramidModule } from "./generated/pyramid.ts";
import { module as ssimModule } from "./generated/ssim.ts";
import { byImage, type ImageScore, type ImageTask, type KernelRun } from "./kernel.ts";
import type { Kernels } from "./module.ts";
import { addCoarser, halvePlanes } from "./pyramid.ts";
import { dimensions, type NotedExtremes } from "./rows.ts";
import { sharedPlanes } from "./shared-planes.ts";
import { ssim } from "./strips/ssim.ts";
import type { KernelImage, MsSsimSpec } from "./types.ts";
import { checkWindow, leastSide } from "./windows.ts";

/** The least mean that counts; below, a power's slope would be too steep to be of use. */
const leastMean = 1e-12;

/**
 * One image's score from the means of every scale ([scale][channel]), and the score's derivative by each mean, times the number of channels.
 */
function combine(
  means: readonly Float64Array[],
  { weights, normalize = "relu", product = "channel" }: Pick<MsSsimSpec, "weights" | "normalize" | "product">,
) {
  const channels = means[0].length;
  const [scale, offset] = normalize === "simple" ? [0.5, 0.5] : [1, 0];
  const pooled = product === "channel" ? means : means.map((ofScale) => Float64Array.of(average(ofScale)));
  const factors = pooled.map((ofScale) => ofScale.map((mean) => scale * mean + offset));
  const groups = factors[0].length;
  const powers = factors.map((ofScale, i) => ofScale.map((x) => (x > 0 ? Math.max(x, leastMean) ** weights[i] : 0)));
  const multiply = (group: number, except?: number) =>
    powers.reduce((result, ofScale, i) => (i === except ? result : result * ofScale[group]), 1);
  const score = average(Float64Array.from({ length: groups }, (_, group) => multiply(group)));
  const slope = (i: number, group: number) => {
    const x = factors[i][group];
    return x > leastMean ? scale * weights[i] * x ** (weights[i] - 1) * multiply(group, i) : 0;
  };
  const slopes = means.map((_, i) => Array.from({ length: channels }, (_, channel) => slope(i, channel % groups)));
  return { score, slopes };
}

function average(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * MS-SSIM of one image: the pyramid holds a third of the image in float32, everything else works in bands.
 */
function* scoreImage(_: Kernels, spec: MsSsimSpec, { output, target, grad }: ImageTask): KernelRun<ImageScore> {
  const { window, k1, k2, dataRange, nonNegative, weights } = spec;
  const scale = { kind: "ssim", window, k1, k2, dataRange, nonNegative, covariance: "population" } as const;
  const means: Float64Array[] = [];
  const scales: { image: KernelImage; grad: Tensor }[] = [];
  let extremes: NotedExtremes = {};
  let [x, y]: KernelImage[] = [output, target];
  for (let i = 0; i < weights.length; i++) {
    const isLast = i === weights.length - 1;
    const { planes } = dimensions(x);
    const [channels, height, width] = planes;
    const own = grad && (i === 0 ? new Tensor(grad, [1, ...planes]) : sharedPlanes(planes));
    if (own) scales.push({ image: x, grad: own });
    const region = isLast ? (spec.region ?? "valid") : "valid";
    const term = isLast ? "score" : "contrast";
    // Means over 2x2 pixels have no extremes of their own.
    const pass = { kernel: ssim, output: x, target: y, grad: own?.data, unnoted: i > 0 };
    const tiled = yield { ...pass, spec: { ...scale, region, term } };
    const [sums] = tiled.sums;
    if (i === 0) extremes = tiled.extremes;
    const border = region === "valid" ? window.size - 1 : 0;
    const cells = (height - border) * (width - border);
    means.push(Float64Array.from({ length: channels }, (_, c) => sums[2 * c + (isLast ? 0 : 1)] / cells));
    if (!isLast) ({ output: x, target: y } = yield* halvePlanes({ output: x, target: y }, { odd: spec.odd }, true));
  }
  const { score, slopes } = combine(means, spec);
  for (let i = scales.length - 1; i >= 0; i--) {
    const { image, grad: own } = scales[i];
    const coarse = scales[i + 1]?.grad;
    yield* addCoarser({ image, grad: own.data, own, coarse }, { odd: spec.odd, scales: slopes[i] });
  }
  return { score, extremes };
}

/** MS-SSIM: SSIM at every scale and what makes one scale of another, all in strips. */
export const msSsim = byImage(scoreImage, [pyramidModule, ssimModule], (name, spec, shape) => {
  const { window, weights, odd, region } = spec;
  checkWindow(name, spec, leastSide(window.size, weights.length, odd, region), shape);
});
