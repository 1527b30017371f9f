import type { Ops, PadMode } from "../graph/ops.ts";

/** The weights of a separable filter along each axis, of odd numbers. */
export interface Separable {
  down: readonly number[];
  across: readonly number[];
}

/** Sobel's kernels: smoothing along one axis, a difference along the other. */
export const sobelKernels: readonly Separable[] = [
  { down: [1, 2, 1], across: [-1, 0, 1] },
  { down: [-1, 0, 1], across: [1, 2, 1] },
];

/** Cross-correlation of every channel with a kernel [kh][kw], in the size of the image. */
export function filterImage<T>(o: Ops<T>, x: T, kernel: readonly (readonly number[])[], mode: PadMode): T {
  const channels = o.channels(x);
  const [height, width] = [kernel.length, kernel[0].length];
  const weights = o.constant(Array.from({ length: channels }, () => kernel.flat()).flat(), [
    channels,
    1,
    height,
    width,
  ]);
  const padding = [(height - 1) / 2, (width - 1) / 2] as const;
  if (mode === "zero") return o.conv2d(x, weights, { groups: channels, padding });
  return o.conv2d(o.padWith(x, padding, mode), weights, { groups: channels });
}

/** The same with a separable kernel. Differences come last: those of equal numbers are exactly 0, so that flat areas have no edges. */
export function filterSeparable<T>(o: Ops<T>, x: T, { down, across }: Separable, mode: PadMode): T {
  const alongColumns = (image: T) =>
    filterImage(
      o,
      image,
      down.map((weight) => [weight]),
      mode,
    );
  const alongRows = (image: T) => filterImage(o, image, [across], mode);
  const smoothsDown = down.reduce((sum, weight) => sum + weight, 0) !== 0;
  return smoothsDown ? alongRows(alongColumns(x)) : alongColumns(alongRows(x));
}
