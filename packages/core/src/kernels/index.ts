import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { formatShape, type Shape, type Tensor } from "../tensor.ts";
import { leastSide, runMsSsim } from "./ms-ssim.ts";
import { checkImage, dimensions, type NotedExtremes } from "./rows.ts";
import { stripKernel } from "./table.ts";
import { runTiled } from "./tiled.ts";
import type { KernelImage, MsSsimSpec, SsimSpec, StripSpec } from "./types.ts";

export { sharedTensors } from "./arena.ts";
export { bestBuild } from "./load.ts";
export { setKernelThreads } from "./pool.ts";
export type { NotedExtremes } from "./rows.ts";
export type * from "./types.ts";

/** Any kernel. */
export type KernelSpec = StripSpec | MsSsimSpec;

/** What to compute besides the scores. */
export interface KernelOptions {
  /** The gradient of each image's score with respect to the output; an array to write it to, or true for a new one. */
  readonly grad?: boolean | Float32Array;
  /** The error map; an array to write it to, or true for a new one. */
  readonly map?: boolean | Float32Array;
  /**
   * What multiplies the score of each place and its gradient, for all channels or for each, in the size of the map: [n or 1, 1 or c, h, w]. With a mean of 1, scores are
   * weighted means. Not for `tv` and `ms-ssim`, and not together with a map.
   */
  readonly weight?: Tensor;
}

/** What a kernel computed. */
export interface KernelResult {
  /** One score per image. */
  readonly perImage: Float64Array;
  /** The least and the greatest value of each batch of planes, seen in passing; NaN where one of them is. */
  readonly extremes: NotedExtremes;
  /** d perImage / d output, float32 planes of the output's shape [n, c, h, w]. */
  readonly grad?: Float32Array;
  /** The mean over channels of what each place contributes, [n, 1, h, w]. */
  readonly map?: { readonly data: Float32Array; readonly shape: Shape };
}

/**
 * Scores images with a fused kernel: value, gradient and map in one pass over bands of rows. Memory beyond the results does not grow with
 * the height of the image. Large images are shared among threads where that pays; the result does not depend on how many.
 *
 * @param spec which loss, with its options; see {@link KernelSpec}
 * @param output float32 planes [n, c, h, w], or one image of interleaved 8- or 16-bit pixels, which are scaled to [0, 1]
 * @param target the same size as `output`, in either form; omitted for `tv`
 * @throws {ReconlossError} `shape` where the images do not fit each other or the window; `invalid-argument` for options that make no sense
 *
 * @example
 * ```ts
 * import { runKernel } from "@reconloss/core/kernels";
 * import { Tensor } from "@reconloss/core";
 *
 * const output = Tensor.full([1, 3, 16, 16], 0.5);
 * const target = Tensor.full([1, 3, 16, 16], 0.25);
 * const { perImage, grad } = await runKernel({ kind: "mse" }, output, target, { grad: true });
 * ```
 */
export async function runKernel(
  spec: KernelSpec,
  output: KernelImage,
  target?: KernelImage,
  options: KernelOptions = {},
): Promise<KernelResult> {
  checkArguments("runKernel", {
    spec: [spec, "object", ["kind"]],
    output: [output, "object", ["data"]],
    target: [target, "object?"],
    options: [options, "object?"],
  });
  const name = `runKernel(${spec.kind})`;
  const kernel = spec.kind === "ms-ssim" ? undefined : stripKernel(spec);
  if (spec.kind !== "ms-ssim" && kernel === undefined) {
    throw new ReconlossError("invalid-argument", `runKernel: there is no kernel ${(spec as KernelSpec).kind}`);
  }
  checkImage(name, "output", output);
  const { count, planes } = dimensions(output);
  const shape: Shape = [count, ...planes];
  const compared = kernel?.needsTarget === false ? undefined : checkTarget(name, shape, target);
  checkOptions(name, spec, shape);
  const grad = destination(name, "grad", options.grad, shape);
  const mapSize = options.map && spec.kind !== "ms-ssim" ? kernel?.mapSize(spec, planes) : undefined;
  if (options.map && mapSize === undefined) {
    throw new ReconlossError("invalid-argument", `${name}: this loss has no map`);
  }
  if (options.weight) checkWeight(name, spec, options, shape);
  if (spec.kind === "ms-ssim") return { ...(await runMsSsim(spec, output, compared!, grad)), grad };
  const mapShape: Shape | undefined = mapSize && [count, 1, ...mapSize];
  const map = mapShape && destination(name, "map", options.map, mapShape);
  const { sums, extremes } = await runTiled(spec, output, compared, { grad, map }, options.weight);
  return {
    perImage: Float64Array.from(sums, (sum) => stripKernel(spec).finish(spec, planes, sum)),
    extremes,
    grad,
    map: map && { data: map, shape: mapShape! },
  };
}

function checkTarget(name: string, shape: Shape, target: KernelImage | undefined): KernelImage {
  if (target === undefined) throw new ReconlossError("invalid-argument", `${name}: target is missing`);
  checkImage(name, "target", target);
  const { count, planes } = dimensions(target);
  const targetShape = [count, ...planes];
  if (targetShape.some((size, axis) => size !== shape[axis])) {
    throw new ReconlossError(
      "shape",
      `${name}: output is ${formatShape(shape)} but target is ${formatShape(targetShape)}`,
    );
  }
  return target;
}

/** Refuses weights that do not fit the places of the map, where a kernel takes them. */
function checkWeight(name: string, spec: KernelSpec, { weight, map }: KernelOptions, [n, ...planes]: Shape): void {
  const kernel = spec.kind === "ms-ssim" ? undefined : stripKernel(spec);
  const places = kernel?.weightRows && kernel.mapSize(spec as StripSpec, planes);
  const c = spec.kind === "deltaE" ? 1 : planes[0];
  if (places === undefined) throw new ReconlossError("invalid-argument", `${name}: this kernel takes no weight`);
  if (map) throw new ReconlossError("invalid-argument", `${name}: there is no map of weighted scores`);
  const [m, k, h, w] = weight!.shape;
  if ((m === n || m === 1) && (k === c || k === 1) && h === places[0] && w === places[1]) return;
  const wanted = formatShape([n, c, ...places]);
  throw new ReconlossError(
    "shape",
    `${name}: options.weight must be ${wanted}, of 1 or ${n} images and 1 or ${c} channels, got ${formatShape(weight!.shape)}`,
  );
}

/** Refuses options that make no sense for images of this shape. */
function checkOptions(name: string, spec: KernelSpec, shape: Shape): void {
  if (spec.kind === "deltaE" && shape[1] !== 1 && shape[1] !== 3) {
    throw new ReconlossError(
      "shape",
      `${name}: output is ${formatShape(shape)}, but colours need 3 channels, or 1 for grey`,
    );
  }
  if (spec.kind === "ssim") checkWindow(name, spec, leastSide(spec.window.size, 1, "drop", spec.region), shape);
  if (spec.kind === "ms-ssim") {
    const { window, weights, odd, region } = spec;
    checkWindow(name, spec, leastSide(window.size, weights.length, odd, region), shape);
  }
}

/** The array that a result goes to. */
function destination(
  name: string,
  argument: string,
  wanted: boolean | Float32Array | undefined,
  shape: Shape,
): Float32Array | undefined {
  if (!wanted) return undefined;
  const length = shape.reduce((product, size) => product * size, 1);
  if (wanted === true) return new Float32Array(length);
  if (!(wanted instanceof Float32Array) || wanted.length !== length) {
    throw new ReconlossError(
      "shape",
      `${name}: options.${argument} must be a Float32Array of ${length} values for shape ${formatShape(shape)}`,
    );
  }
  return wanted;
}

function checkWindow(
  name: string,
  { window, k1, k2 }: Pick<SsimSpec, "window" | "k1" | "k2">,
  smallest: number,
  [, , height, width]: Shape,
): void {
  const { size } = window;
  if (!Number.isInteger(size) || size < 1 || size % 2 === 0) {
    throw new ReconlossError("invalid-argument", `${name}: window.size must be odd and positive, got ${size}`);
  }
  if (window.shape === "gaussian" && !(window.sigma > 0)) {
    throw new ReconlossError("invalid-argument", `${name}: window.sigma must be positive, got ${window.sigma}`);
  }
  if (!(k1 > 0 && k2 > 0)) {
    throw new ReconlossError("invalid-argument", `${name}: k1 and k2 must be positive, got ${k1} and ${k2}`);
  }
  if (Math.min(height, width) < smallest) {
    throw new ReconlossError(
      "shape",
      `${name}: output is ${height}x${width} pixels, but a window of ${size} needs at least ${smallest}x${smallest}`,
    );
  }
}
