import { checkArguments } from "../arguments.ts";
import { cubic } from "../cubic.ts";
import { ReconlossError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { resizeColumns, resizeRows, type Taps } from "./resize.ts";

/** A filter of {@link imresize}. */
export type ImresizeKernel = "bicubic" | "lanczos3";

interface Kernel {
  /** The radius of its support where nothing is reduced. */
  readonly reach: number;
  at(x: number): number;
}

const kernels: Readonly<Record<ImresizeKernel, Kernel>> = {
  bicubic: { reach: 2, at: (x) => cubic(x) },
  lanczos3: {
    reach: 3,
    at: (x) => {
      if (Math.abs(x) >= 3) return 0;
      return x === 0 ? 1 : (3 * Math.sin(Math.PI * x) * Math.sin((Math.PI * x) / 3)) / (Math.PI * x) ** 2;
    },
  },
};

/** The source positions and weights of each output position of an axis: the filter, widened where it reduces, over the axis mirrored with its ends repeated. */
function tapsOf(from: number, to: number, { reach, at }: Kernel): Taps {
  const scale = to / from;
  const widening = Math.min(scale, 1);
  const sources = Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) / scale - 0.5;
    const weights = new Map<number, number>();
    let total = 0;
    for (let place = Math.ceil(centre - reach / widening); place <= Math.floor(centre + reach / widening); place++) {
      const weight = at((centre - place) * widening);
      const wrapped = ((place % (2 * from)) + 2 * from) % (2 * from);
      const source = wrapped < from ? wrapped : 2 * from - 1 - wrapped;
      weights.set(source, (weights.get(source) ?? 0) + weight);
      total += weight;
    }
    return { weights, total, first: Math.min(...weights.keys()), last: Math.max(...weights.keys()) };
  });
  const width = Math.max(...sources.map(({ first, last }) => last - first + 1));
  const taps: Taps = { first: new Int32Array(to), weights: new Float64Array(to * width), width };
  for (const [i, { weights, total, first }] of sources.entries()) {
    taps.first[i] = Math.min(first, from - width);
    for (const [source, weight] of weights) taps.weights[i * width + source - taps.first[i]] = weight / total;
  }
  return taps;
}

/**
 * `image` [n, c, h, w] resized to [n, c, height, width] as MATLAB's `imresize(im2double(image), [height width], kernel)` does, cut back to [0, dataRange]: with antialiasing where it
 * reduces, without where it enlarges, the border mirrored. The low-resolution images of super-resolution's datasets are made so, and their bicubic baseline. Away
 * from the border `resize(..., "clean")` is the same.
 *
 * @param size - height and width
 * @param kernel - `bicubic` (default; Keys 1981, a = -0.5) or `lanczos3`
 * @param options.dataRange - the value of white; default 1
 * @throws {ReconlossError} `invalid-argument` for a size that is not positive integers, or an unknown kernel
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { imresize } from "@reconloss/core/pixels";
 * const edge = Tensor.from([0, 0, 0, 0, 1, 1, 1, 1], [1, 1, 1, 8]);
 * imresize(edge, [1, 4]).shape; // [1, 1, 1, 4]
 * ```
 */
export function imresize(
  image: Tensor,
  size: readonly [height: number, width: number],
  kernel: ImresizeKernel = "bicubic",
  options: { dataRange?: number } = {},
): Tensor {
  checkArguments("imresize", {
    image: [image, "tensor"],
    size: [size, "list"],
    kernel: [kernel, "text"],
    options: [options, "object?"],
  });
  const { dataRange = 1 } = options;
  if (!Object.hasOwn(kernels, kernel)) {
    const known = Object.keys(kernels).join(", ");
    throw new ReconlossError("invalid-argument", `imresize: kernel must be one of ${known}, got ${kernel}`);
  }
  const [height, width] = size;
  if (size.length !== 2 || !size.every((side) => Number.isInteger(side) && side > 0)) {
    throw new ReconlossError("invalid-argument", `imresize: size must be positive integers, got ${size.join("x")}`);
  }
  const [n, c, h, w] = image.shape;
  const across = w === width ? image.data : resizeRows(image.data, w, tapsOf(w, width, kernels[kernel]));
  const both = h === height ? across : resizeColumns(across, n * c, width, h, tapsOf(h, height, kernels[kernel]));
  const limited = both.map((value) => Math.min(Math.max(value, 0), dataRange));
  return new Tensor(limited, [n, c, height, width]);
}
