import { type Kernels, planeStride } from "../module.ts";
import type { Rows } from "../rows.ts";
import type { Ssimulacra2ScaleSpec } from "../types.ts";
import { evenStrips, type Span, type StripKernel } from "./strip.ts";

/** Pixels that the window reaches to either side. */
const reach = 4;

/** Rows of one strip: tall enough that the halo costs little, low enough for the caches. */
const stripRows = 64;

/** The parts of the program's X, Y and B - Y that are left out of ours, which are numbers around 0. */
export const shifts = [0.42, 0.01 + 0.45, 0.55];

/** Planes of X, Y and B - Y, errors of each, and sums of each: of errors, then of their fourth powers. */
const opponents = 3;
const errors = 3;
const sumsOfPlane = 2 * errors;

/** The halo of a strip: derivatives are blurred once more. */
function haloOf({ fourths }: Ssimulacra2ScaleSpec): number {
  return fourths ? 2 * reach : reach;
}

/** Floats before and after a row that vectors may read. */
const slack = 16;

/** The weight of the window beyond the first or last column, for each column, with {@link slack} around. */
function windowOutside(window: readonly number[], width: number): Float32Array {
  const outside = new Float32Array(width + 2 * slack);
  const at = (column: number) =>
    window.reduce((sum, weight, k) => (column + k < reach || column + k >= width + reach ? sum + weight : sum), 0);
  for (let column = 0; column < width; column++) {
    if (column < reach || column >= width - reach) outside[slack + column] = at(column);
  }
  return outside;
}

/** The numbers that slopes of the errors of one plane are made of: see `ssimulacra2Plane`. */
function slopesOf({ means, norms, fourths }: Ssimulacra2ScaleSpec, plane: number, places: number): number[] {
  return Array.from({ length: errors }, (_, error) => {
    const index = 3 * error + plane;
    const fourth = fourths![index];
    return [means[index] / places, fourth > 0 ? norms[index] / places : 0, fourth > 0 ? fourth ** -0.25 : 0];
  }).flat();
}

/** Reads rows of an image as three planes of linear light; grey is all three. */
function readLinear(
  kernels: Kernels,
  { dataRange }: Ssimulacra2ScaleSpec,
  rows: Rows,
  [from, to]: Span,
  { address, stride }: { address: number; stride: number },
  staging: number,
  noting?: "by the kernel",
): void {
  const { channels } = rows;
  kernels.read(rows, [0, channels], from, to, address, stride, staging, noting);
  if (dataRange) kernels.run.linearLight(address, (channels - 1) * stride + to - from, 1 / dataRange);
  if (channels === 3) return;
  const planes = kernels.view(address, 3 * stride);
  for (const plane of [1, 2]) planes.copyWithin(plane * stride, 0, to - from);
}

/** One scale of SSIMULACRA 2: sums or, where fourth powers are known, the gradient with respect to linear light. */
export const ssimulacra2Scale: StripKernel<Ssimulacra2ScaleSpec> = {
  needsTarget: true,
  weight: 24,
  mapSize: () => undefined,
  strips: (_, [, height]) => evenStrips(height, stripRows),
  sourceRows: (spec, [, height], [from, to]) => [Math.max(from - haloOf(spec), 0), Math.min(to + haloOf(spec), height)],
  gradRows: (_, __, strip) => strip,
  mapRows: () => [0, 0],
  run: (kernels, spec, planes, strip, { output, target, grad }) => {
    const [channels, height, width] = planes;
    const [from, to] = strip;
    const [first, end] = ssimulacra2Scale.sourceRows(spec, planes, strip);
    const pixels = (end - first) * width;
    const stride = planeStride(pixels);
    const rows = (to - from) * width;
    const gradStride = planeStride(rows);

    kernels.reset();
    const window = kernels.place(spec.window);
    const columns = kernels.place(windowOutside(spec.window, width));
    const sums = kernels.bytes(8 * sumsOfPlane * opponents);
    const slopes = kernels.floats(3 * errors);
    const [x, y] = [kernels.floats(opponents * stride), kernels.floats(opponents * stride)];
    const [stagingX, stagingY] = [output, target!].map((image) => kernels.staging(image, pixels));
    const gradient = grad ? kernels.floats(opponents * gradStride) : 0;
    const scratch = kernels.bytes(kernels.run.ssimulacra2Scratch(to - from));

    kernels.view64(sums, sumsOfPlane * opponents).fill(0);
    const all = [first * width, end * width] as const;
    readLinear(kernels, spec, output, all, { address: x, stride }, stagingX);
    readLinear(kernels, spec, target!, all, { address: y, stride }, stagingY);
    for (const address of [x, y]) kernels.run.toOpponents(address, 4 * stride, pixels);
    for (let plane = 0; plane < opponents; plane++) {
      if (grad) kernels.view(slopes, 3 * errors).set(slopesOf(spec, plane, height * width));
      kernels.run.ssimulacra2Plane(
        x + 4 * plane * stride,
        y + 4 * plane * stride,
        first,
        height,
        width,
        from,
        to,
        window,
        columns + 4 * slack,
        shifts[plane],
        sums + 8 * sumsOfPlane * plane,
        slopes,
        grad ? gradient + 4 * plane * gradStride : 0,
        scratch,
      );
    }
    if (grad) {
      const own = [from * width, to * width] as const;
      readLinear(kernels, spec, output, own, { address: x, stride }, stagingX, "by the kernel");
      kernels.run.opponentsGradient(x, 4 * stride, gradient, 4 * gradStride, rows);
      if (channels === 1) {
        const planes = kernels.view(gradient, opponents * gradStride);
        for (let i = 0; i < rows; i++) planes[i] += planes[gradStride + i] + planes[2 * gradStride + i];
      }
      kernels.writePlanes(grad, ...own, gradient, gradStride);
    }
    return kernels.view64(sums, sumsOfPlane * opponents).slice();
  },
  finish: ({ means, norms }, [, height, width], sums) => {
    const weighted = means.map((weight, index) => {
      const { error, fourth } = meansOf(sums, index, height * width);
      return weight * error + norms[index] * fourth ** 0.25;
    });
    return weighted.reduce((total, value) => total + value, 0);
  },
};

/** The mean of an error and of its fourth powers, from the sums of all planes. */
export function meansOf(sums: Float64Array, index: number, places: number): { error: number; fourth: number } {
  const at = (index % 3) * sumsOfPlane + Math.floor(index / 3);
  return { error: sums[at] / places, fourth: sums[at + errors] / places };
}
