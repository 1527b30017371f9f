import { module as pyramidModule } from "./generated/pyramid.ts";
import { module as ssimModule } from "./generated/ssim.ts";
import { byImage, type ImageScore, type ImageTask, type KernelRun } from "./kernel.ts";
import type { Kernels } from "./module.ts";
import { addCoarser, halvePlanes } from "./pyramid.ts";
import { dimensions, type NotedExtremes, planarRows, rowsOf } from "./rows.ts";
import { ssim } from "./strips/ssim.ts";
import type { MsSsimSpec, Planes } from "./types.ts";
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
function* scoreImage(kernels: Kernels, spec: MsSsimSpec, { output, target, grad }: ImageTask): KernelRun<ImageScore> {
  const { window, k1, k2, dataRange, nonNegative, weights } = spec;
  const scale = { kind: "ssim", window, k1, k2, dataRange, nonNegative, covariance: "population" } as const;
  const means: Float64Array[] = [];
  const grads: Float32Array[] = [];
  const sizes: Planes[] = [];
  let extremes: NotedExtremes = {};
  let [x, y] = [output, target];
  for (let i = 0; i < weights.length; i++) {
    const isLast = i === weights.length - 1;
    const { planes } = dimensions(x);
    const [channels, height, width] = planes;
    sizes.push(planes);
    if (grad) grads.push(i === 0 ? grad : new Float32Array(channels * height * width));
    const region = isLast ? (spec.region ?? "valid") : "valid";
    const term = isLast ? "score" : "contrast";
    const tiled = yield { kernel: ssim, spec: { ...scale, region, term }, output: x, target: y, grad: grads[i] };
    const [sums] = tiled.sums;
    // Means over 2x2 pixels have no extremes of their own.
    if (i === 0) extremes = tiled.extremes;
    const border = region === "valid" ? window.size - 1 : 0;
    const cells = (height - border) * (width - border);
    means.push(Float64Array.from({ length: channels }, (_, c) => sums[2 * c + (isLast ? 0 : 1)] / cells));
    if (!isLast) {
      [x, y] = [x, y].map((image) => halvePlanes(kernels, rowsOf(image, 0), planes, spec.odd));
    }
  }
  const { score, slopes } = combine(means, spec);
  for (let i = weights.length - 1; i >= 0 && grad; i--) {
    const own = planarRows(grads[i], sizes[i]);
    addCoarser(kernels, own, sizes[i], spec.odd, { own, scales: slopes[i], coarse: grads[i + 1] });
  }
  return { score, extremes };
}

/** MS-SSIM: SSIM at every scale, each in strips, and what makes one scale of another between them. */
export const msSsim = byImage(scoreImage, [pyramidModule, ssimModule], (name, spec, shape) => {
  const { window, weights, odd, region } = spec;
  checkWindow(name, spec, leastSide(window.size, weights.length, odd, region), shape);
});
