import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { Tensor } from "../tensor.ts";

/**
 * Resizers that bring images to a network's size. FID moves by whole points with the choice (Parmar et al. 2022, "On aliased resizing"), so
 * results name it.
 *
 * - `clean`: bicubic with a = -0.5 and antialiasing on float channels, clipped to the range: Pillow's mode F, clean-fid's `clean`.
 * - `legacy-tensorflow`: bilinear without antialiasing or half-pixel centres: TensorFlow 1, torch-fidelity, the original FID and ADM code.
 * - `legacy-pytorch`: bilinear without antialiasing, half-pixel centres: PyTorch's `interpolate`, pytorch-fid.
 * - `pytorch-antialias`: bilinear with antialiasing: PyTorch's `interpolate(antialias=True)`, torchvision.
 */
export type Resizer = "clean" | "legacy-tensorflow" | "legacy-pytorch" | "pytorch-antialias";

/** For each position of an axis after resizing: the first of the positions it is made of, and their weights. */
export interface Taps {
  /** Never falling. */
  first: Int32Array;
  /** As many for each position as the widest needs; the rest are 0. */
  weights: Float64Array;
  width: number;
}

/** The weights by which a resizer brings images of one size to another. */
export interface ResizePlan {
  across: Taps;
  down: Taps;
  /** Whether values may leave the range and are cut back. */
  clips: boolean;
}

interface Method {
  taps(from: number, to: number): Taps;
  clips: ResizePlan["clips"];
}

const methods: Record<Resizer, Method> = {
  clean: { taps: (from, to) => filterTaps(from, to, 2, cubic, (x) => x), clips: true },
  "legacy-tensorflow": { taps: (from, to) => linearTaps(from, to, (i, scale) => fround(i * scale)), clips: false },
  "legacy-pytorch": {
    taps: (from, to) => linearTaps(from, to, (i, scale) => Math.max(0, fround(scale * (i + 0.5) - 0.5))),
    clips: false,
  },
  "pytorch-antialias": { taps: (from, to) => filterTaps(from, to, 1, triangle, fround), clips: false },
};

const { fround } = Math;

/** The names of all resizers. */
export const resizers = Object.keys(methods) as Resizer[];

/**
 * `image` [n, c, h, w] resized to [n, c, height, width], equal to the original implementation of the resizer up to float32 rounding.
 *
 * @param size - height and width
 * @param options.dataRange - the value of white, which `clean` clips to; default 1
 * @throws {ReconlossError} `invalid-argument` for a size that is not positive integers, or an unknown resizer
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { resize } from "@reconloss/core/pixels";
 * const image = Tensor.from([0, 1], [1, 1, 1, 2]);
 * [...resize(image, [1, 4], "legacy-pytorch").data]; // [0, 0.25, 0.75, 1]
 * [...resize(image, [1, 4], "legacy-tensorflow").data]; // [0, 0.5, 1, 1]
 * ```
 */
export function resize(
  image: Tensor,
  size: readonly [height: number, width: number],
  resizer: Resizer,
  options: { dataRange?: number } = {},
): Tensor {
  checkArguments("resize", {
    image: [image, "tensor"],
    size: [size, "list"],
    resizer: [resizer, "text"],
    options: [options, "object?"],
  });
  const { dataRange = 1 } = options;
  const [n, c, h, w] = image.shape;
  const [height, width] = size;
  const { across, down, clips } = planResize([h, w], size, resizer);
  // Columns first, as Pillow does: its float32 values between the two passes are part of its result.
  const narrow = w === width ? image.data : resizeRows(image.data, w, across);
  const resized = h === height ? narrow : resizeColumns(narrow, n * c, width, h, down);
  return new Tensor(clips ? resized.map((value) => Math.min(Math.max(value, 0), dataRange)) : resized, [
    n,
    c,
    height,
    width,
  ]);
}

/** The taps of both axes; refuses what {@link resize} refuses. */
export function planResize(
  [h, w]: readonly [height: number, width: number],
  [height, width]: readonly [height: number, width: number],
  resizer: Resizer,
): ResizePlan {
  if (!Object.hasOwn(methods, resizer)) {
    throw new ReconlossError(
      "invalid-argument",
      `resize: resizer must be one of ${resizers.join(", ")}, got ${resizer}`,
    );
  }
  if (![height, width].every((side) => Number.isInteger(side) && side > 0)) {
    throw new ReconlossError("invalid-argument", `resize: size must be positive integers, got ${height}x${width}`);
  }
  const { taps, clips } = methods[resizer];
  return { across: taps(w, width), down: taps(h, height), clips };
}

/** Every row of `from` values to one of as many as there are taps. */
export function resizeRows(data: Float32Array, from: number, { first, weights, width }: Taps): Float32Array {
  const to = first.length;
  const rows = data.length / from;
  const result = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < to; i++) {
      const start = row * from + first[i];
      let sum = 0;
      for (let k = 0; k < width; k++) sum += weights[i * width + k] * data[start + k];
      result[row * to + i] = sum;
    }
  }
  return result;
}

/** Whole rows weighted and added: memory is walked in order. */
export function resizeColumns(
  data: Float32Array,
  planes: number,
  columns: number,
  from: number,
  { first, weights, width }: Taps,
): Float32Array {
  const to = first.length;
  const result = new Float32Array(planes * to * columns);
  const sums = new Float64Array(columns);
  for (let plane = 0; plane < planes; plane++) {
    for (let i = 0; i < to; i++) {
      sums.fill(0);
      for (let k = 0; k < width; k++) {
        const weight = weights[i * width + k];
        const start = (plane * from + first[i] + k) * columns;
        for (let column = 0; column < columns; column++) sums[column] += weight * data[start + column];
      }
      result.set(sums, (plane * to + i) * columns);
    }
  }
  return result;
}

/** Bilinear between two neighbours. Positions are in float32, as the originals compute them: it shows in the fourth digit. */
function linearTaps(from: number, to: number, position: (i: number, scale: number) => number): Taps {
  const width = Math.min(2, from);
  const taps: Taps = { first: new Int32Array(to), weights: new Float64Array(to * width), width };
  const scale = fround(from / to);
  for (let i = 0; i < to; i++) {
    const at = position(i, scale);
    const lower = Math.min(Math.floor(at), from - 1);
    const share = fround(Math.min(at - lower, 1));
    taps.first[i] = Math.min(lower, from - width);
    taps.weights[i * width + lower - taps.first[i]] += 1 - share;
    taps.weights[i * width + Math.min(lower + 1, from - 1) - taps.first[i]] += share;
  }
  return taps;
}

/**
 * A filter that is stretched when shrinking, so that every pixel counts (antialiasing). Pillow and PyTorch differ in where they round:
 * `round` makes the positions and weights float32 or leaves them as they are.
 */
function filterTaps(
  from: number,
  to: number,
  reach: number,
  filter: (x: number) => number,
  round: (x: number) => number,
): Taps {
  const scale = round(from / to);
  const stretch = Math.max(scale, 1);
  const inverse = round(1 / stretch);
  const support = round(reach * stretch);
  const width = Math.min(Math.ceil(support) * 2 + 1, from);
  const taps: Taps = { first: new Int32Array(to), weights: new Float64Array(to * width), width };
  for (let i = 0; i < to; i++) {
    const centre = round((i + 0.5) * scale);
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const values = Array.from({ length: end - start }, (_, k) =>
      round(filter(round(round(start + k - centre + 0.5) * inverse))),
    );
    const sum = values.reduce((total, value) => round(total + value), 0);
    // The window is moved back where it would reach beyond the last pixel; weights keep their pixels.
    taps.first[i] = Math.min(start, from - width);
    for (const [k, value] of values.entries()) taps.weights[i * width + start - taps.first[i] + k] = round(value / sum);
  }
  return taps;
}

function triangle(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}

/** Cubic convolution with a = -0.5 (Keys 1981). */
function cubic(x: number): number {
  const [a, t] = [-0.5, Math.abs(x)];
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}
