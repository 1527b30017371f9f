import { Tensor } from "../tensor.ts";
import { loadKernels } from "./load.ts";
import { type Kernels, stagingBytes } from "./module.ts";
import { dimensions, joinExtremes, type NotedExtremes, planarRows, type Rows, rowsOf, samples } from "./rows.ts";
import { runTiled } from "./tiled.ts";
import type { KernelImage, MsSsimSpec, Planes, SsimSpec } from "./types.ts";

/** How one scale becomes the next: what lies above and left of the image (0 or 1 row and column), and the next size. */
interface Halving {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

function halving([, height, width]: Planes, odd: MsSsimSpec["odd"]): Halving {
  const [top, left] = [height % 2, width % 2];
  const both = Math.max(top, left);
  const padding = odd === "zero" ? { top, left } : { top: both, left: both };
  return { ...padding, height: (height + padding.top) >> 1, width: (width + padding.left) >> 1 };
}

/** Rows of the finer image that are in memory at a time, so that a band stays in a second-level cache. */
function bandHeight(width: number): number {
  return Math.max(2, Math.floor(32768 / width) & ~1);
}

/** Half the size, by means over 2x2 pixels. */
function halvePlanes(kernels: Kernels, source: Rows, planes: Planes, spec: MsSsimSpec): Tensor {
  const [channels, , width] = planes;
  const half = halving(planes, spec.odd);
  const result = new Float32Array(channels * half.height * half.width);
  const rows = planarRows(result, [channels, half.height, half.width]);
  const band = bandHeight(width);
  const stride = ((band + 1) * width + 15) & ~3;
  kernels.reset();
  const x = kernels.floats(channels * stride);
  const staging = kernels.bytes(stagingBytes((band + 1) * width, source));
  const out = kernels.floats((band / 2) * half.width);
  for (let from = 0; from < half.height; from += band / 2) {
    const to = Math.min(from + band / 2, half.height);
    const first = Math.max(2 * from - half.top, 0);
    const end = 2 * to - half.top;
    kernels.read(source, [0, channels], first * width, end * width, x, stride, staging);
    for (let channel = 0; channel < channels; channel++) {
      const at = (row: number) => x + (channel * stride + (row - first) * width) * 4;
      for (let row = from; row < to; row++) {
        const upper = 2 * row - half.top;
        const above = upper >= 0 ? at(upper) : spec.odd === "replicate" ? at(0) : 0;
        const to4 = out + (row - from) * half.width * 4;
        kernels.run.halve(above, at(upper + 1), -half.left, spec.odd === "replicate", to4, half.width);
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
  const replicate = spec.odd === "replicate";
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
        const twice = replicate && half.top === 1 && row === 0;
        kernels.run.unhalve(
          fine + (row - from) * width * 4,
          width,
          scales[channel],
          coarse && upRow < half.height ? up + (upRow - firstUp) * half.width * 4 : 0,
          half.width,
          twice ? 0.5 : 0.25,
          -half.left,
          replicate,
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
function combine(means: readonly Float64Array[], weights: readonly number[]) {
  const channels = means[0].length;
  const powers = means.map((scale, i) => scale.map((mean) => (mean > 0 ? Math.max(mean, leastMean) ** weights[i] : 0)));
  const product = (channel: number, except?: number) =>
    powers.reduce((result, scale, i) => (i === except ? result : result * scale[channel]), 1);
  let score = 0;
  for (let channel = 0; channel < channels; channel++) score += product(channel) / channels;
  const slopes = means.map((scale, i) =>
    Array.from(scale, (mean, channel) =>
      mean > leastMean ? weights[i] * mean ** (weights[i] - 1) * product(channel, i) : 0,
    ),
  );
  return { score, slopes };
}

/**
 * MS-SSIM of one image: the pyramid holds a third of the image in float32, everything else works in bands. `grad`: planes to write the gradient to.
 */
async function scoreImage(
  spec: MsSsimSpec,
  output: KernelImage,
  target: KernelImage,
  grad: Float32Array | undefined,
): Promise<{ score: number; extremes: NotedExtremes }> {
  const { kernels } = await loadKernels();
  const { window, k1, k2, dataRange, weights } = spec;
  const scale: SsimSpec = { kind: "ssim", window, k1, k2, dataRange, region: "valid", covariance: "population" };
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
    const tiled = await runTiled({ ...scale, term: isLast ? "score" : "contrast" }, x, y, { grad: grads[i] });
    const [sums] = tiled.sums;
    // Means over 2x2 pixels have no extremes of their own.
    if (i === 0) extremes = tiled.extremes;
    const cells = (height - window.size + 1) * (width - window.size + 1);
    means.push(Float64Array.from({ length: channels }, (_, c) => sums[2 * c + (isLast ? 0 : 1)] / cells));
    if (!isLast) {
      [x, y] = [halvePlanes(kernels, rowsOf(x, 0), planes, spec), halvePlanes(kernels, rowsOf(y, 0), planes, spec)];
    }
  }
  const { score, slopes } = combine(means, weights);
  for (let i = weights.length - 1; i >= 0 && grad; i--) {
    addCoarser(kernels, grads[i], sizes[i], slopes[i], grads[i + 1], spec);
  }
  return { score, extremes };
}

/** MS-SSIM of every image of a batch. */
export async function runMsSsim(
  spec: MsSsimSpec,
  output: KernelImage,
  target: KernelImage,
  grad: Float32Array | undefined,
): Promise<{ perImage: Float64Array; extremes: NotedExtremes }> {
  const { count, planes } = dimensions(output);
  const size = planes[0] * planes[1] * planes[2];
  const one = (image: KernelImage, index: number) => (image instanceof Tensor ? image.image(index) : image);
  const perImage = new Float64Array(count);
  let extremes: NotedExtremes = {};
  for (let i = 0; i < count; i++) {
    const image = await scoreImage(spec, one(output, i), one(target, i), grad?.subarray(i * size, (i + 1) * size));
    perImage[i] = image.score;
    extremes = joinExtremes(extremes, image.extremes);
  }
  return { perImage, extremes };
}
