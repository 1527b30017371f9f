import { Tensor } from "../tensor.ts";
import type { Kernel, KernelRun } from "./kernel.ts";
import type { Kernels } from "./module.ts";
import { dimensions, joinExtremes, type NotedExtremes, planarRows, type Rows, rowsOf, samples } from "./rows.ts";
import type { KernelImage, MsSsimSpec, Planes } from "./types.ts";
import { checkWindow, leastSide } from "./windows.ts";

/** How one scale becomes the next: what lies above and left of the image (0 or 1 row and column), and the next size. */
interface Halving {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

function halving([, height, width]: Planes, odd: MsSsimSpec["odd"]): Halving {
  const [oddRows, oddColumns] = [height % 2, width % 2];
  const both = Math.max(oddRows, oddColumns);
  const [top, left] = { zero: [oddRows, oddColumns], replicate: [both, both], symmetric: [0, 0], drop: [0, 0] }[odd];
  const [bottom, right] = odd === "symmetric" ? [oddRows, oddColumns] : [0, 0];
  return { top, left, height: (height + top + bottom) >> 1, width: (width + left + right) >> 1 };
}

/** Rows of the finer image that are in memory at a time, so that a band stays in a second-level cache. */
function bandHeight(width: number): number {
  return Math.max(2, Math.floor(32768 / width) & ~1);
}

/** Half the size, by means over 2x2 pixels. */
function halvePlanes(kernels: Kernels, source: Rows, planes: Planes, spec: MsSsimSpec): Tensor {
  const [channels, height, width] = planes;
  const half = halving(planes, spec.odd);
  const [replicate, last] = [spec.odd === "replicate", spec.odd === "symmetric" && width % 2 === 1];
  const result = new Float32Array(channels * half.height * half.width);
  const rows = planarRows(result, [channels, half.height, half.width]);
  const band = bandHeight(width);
  const stride = ((band + 1) * width + 15) & ~3;
  kernels.reset();
  const x = kernels.floats(channels * stride);
  const staging = kernels.staging(source, (band + 1) * width);
  const out = kernels.floats((band / 2) * half.width);
  for (let from = 0; from < half.height; from += band / 2) {
    const to = Math.min(from + band / 2, half.height);
    const first = Math.max(2 * from - half.top, 0);
    const end = Math.min(2 * to - half.top, height);
    kernels.read(source, [0, channels], first * width, end * width, x, stride, staging);
    for (let channel = 0; channel < channels; channel++) {
      const at = (row: number) => x + (channel * stride + (row - first) * width) * 4;
      for (let row = from; row < to; row++) {
        const upper = 2 * row - half.top;
        const above = upper >= 0 ? at(upper) : replicate ? at(0) : 0;
        const to4 = out + (row - from) * half.width * 4;
        kernels.run.halve(above, at(Math.min(upper + 1, height - 1)), -half.left, replicate, last, to4, half.width);
      }
      kernels.write(rows, channel, from * half.width, to * half.width, out);
    }
  }
  return new Tensor(result, [1, channels, half.height, half.width]);
}

/** grad = scale * grad + the share of the next scale's gradient, in place; one scale per channel. */
function addCoarser(
  kernels: Kernels,
  grad: Float32Array,
  planes: Planes,
  scales: readonly number[],
  coarse: Float32Array | undefined,
  spec: MsSsimSpec,
): void {
  const [channels, height, width] = planes;
  const half = halving(planes, spec.odd);
  const [replicate, symmetric] = [spec.odd === "replicate", spec.odd === "symmetric"];
  const rows = planarRows(grad, planes);
  const coarseRows = coarse && planarRows(coarse, [channels, half.height, half.width]);
  const band = bandHeight(width);
  kernels.reset();
  const fine = kernels.floats(band * width);
  const up = coarse ? kernels.floats((band / 2 + 1) * half.width) : 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let from = 0; from < height; from += band) {
      const to = Math.min(from + band, height);
      kernels.view(fine, (to - from) * width).set(samples(rows, channel, from * width, to * width));
      const firstUp = (from + half.top) >> 1;
      const endUp = Math.min(((to - 1 + half.top) >> 1) + 1, half.height);
      if (coarseRows) {
        const part = samples(coarseRows, channel, firstUp * half.width, endUp * half.width);
        kernels.view(up, part.length).set(part);
      }
      for (let row = from; row < to; row++) {
        const upRow = (row + half.top) >> 1;
        const first = replicate && half.top === 1 && row === 0;
        const last = symmetric && height % 2 === 1 && row === height - 1;
        kernels.run.unhalve(
          fine + (row - from) * width * 4,
          width,
          scales[channel],
          coarse && upRow < half.height ? up + (upRow - firstUp) * half.width * 4 : 0,
          half.width,
          first || last ? 0.5 : 0.25,
          -half.left,
          replicate,
          symmetric && width % 2 === 1,
        );
      }
      kernels.write(rows, channel, from * width, to * width, fine);
    }
  }
}

/** Where means begin to count; below, a power's slope would be too steep to be of use. */
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
 * MS-SSIM of one image: the pyramid holds a third of the image in float32, everything else works in bands. `grad`: planes to write the gradient to.
 */
function* scoreImage(
  kernels: Kernels,
  spec: MsSsimSpec,
  output: KernelImage,
  target: KernelImage,
  grad: Float32Array | undefined,
): KernelRun<{ score: number; extremes: NotedExtremes }> {
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
    const tiled = yield { spec: { ...scale, region, term }, output: x, target: y, grad: grads[i] };
    const [sums] = tiled.sums;
    // Means over 2x2 pixels have no extremes of their own.
    if (i === 0) extremes = tiled.extremes;
    const border = region === "valid" ? window.size - 1 : 0;
    const cells = (height - border) * (width - border);
    means.push(Float64Array.from({ length: channels }, (_, c) => sums[2 * c + (isLast ? 0 : 1)] / cells));
    if (!isLast) {
      [x, y] = [halvePlanes(kernels, rowsOf(x, 0), planes, spec), halvePlanes(kernels, rowsOf(y, 0), planes, spec)];
    }
  }
  const { score, slopes } = combine(means, spec);
  for (let i = weights.length - 1; i >= 0 && grad; i--) {
    addCoarser(kernels, grads[i], sizes[i], slopes[i], grads[i + 1], spec);
  }
  return { score, extremes };
}

/** MS-SSIM: SSIM at every scale, each in strips, and what makes one scale of another between them. */
export const msSsim: Kernel<MsSsimSpec> = {
  needsTarget: true,
  mapSize: () => undefined,
  weightPlanes: () => undefined,
  check: (name, spec, shape) => {
    const { window, weights, odd, region } = spec;
    checkWindow(name, spec, leastSide(window.size, weights.length, odd, region), shape);
  },
  *run(kernels, spec, { output, target, grad }) {
    const { count, planes } = dimensions(output);
    const size = planes[0] * planes[1] * planes[2];
    const one = (image: KernelImage, index: number) => (image instanceof Tensor ? image.image(index) : image);
    const perImage = new Float64Array(count);
    let extremes: NotedExtremes = {};
    for (let i = 0; i < count; i++) {
      const own = grad?.subarray(i * size, (i + 1) * size);
      const image = yield* scoreImage(kernels, spec, one(output, i), one(target!, i), own);
      perImage[i] = image.score;
      extremes = joinExtremes(extremes, image.extremes);
    }
    return { perImage, extremes };
  },
};
