import { ReconlossError } from "../errors.ts";
import { runSteps, runStepsSync } from "../stepwise.ts";
import { formatShape, type Shape, type Tensor } from "../tensor.ts";
import type { Kernel, KernelScores } from "./kernel.ts";
import { loadedKernels, loadKernels } from "./load.ts";
import { checkImage, dimensions } from "./rows.ts";
import { type KernelTask, runTiled, runTiledSync, type StripTask, type TiledResult } from "./tiled.ts";
import type { KernelImage, KernelSpec, Planes } from "./types.ts";

/** Options of a kernel: the results besides the scores. */
export interface KernelOptions {
  /** The gradient of each image's score with respect to the output; an array to write it to, or true for a new one. */
  readonly grad?: boolean | Float32Array;
  /** The error map; an array to write it to, or true for a new one. */
  readonly map?: boolean | Float32Array;
  /**
   * The factor of the score of each place and of its gradient, for all channels or for each, in the size of the map: [n or 1, 1 or c, h, w]. With a mean of 1, scores are
   * weighted means. Not for `tv`, `ms-ssim`, `gmsd`, `haarpsi`, `mdsi`, `vif`, `fsim` and `ssimulacra2`, and not together with a map.
   */
  readonly weight?: Tensor;
  /**
   * The sums that kernels have taken of these two images before, to which new ones are added: given with every call for the same pair, each sum is computed once (SSIM's and that of the finest scale of
   * MS-SSIM, those of psnr, mse and rmse). The images must not change between the calls.
   *
   * @internal
   */
  readonly passes?: KernelPasses;
}

/** Sums of a pair by what they are of, where nothing else was asked for. */
export type KernelPasses = Map<string, TiledResult>;

/** The name that a pass's sums are kept under; undefined where they are of other images, or not all that it is for. */
function passName({ spec, output, target, grad, map, weight }: StripTask, whole: KernelTask): string | undefined {
  if (grad || map || weight || output !== whole.output || target !== whole.target) return undefined;
  // SSIM sums both of its terms, whichever is asked for.
  const options = Object.entries({ ...spec, term: undefined }).filter(
    ([, value]) => value !== undefined && value !== false,
  );
  return JSON.stringify(options.sort());
}

/** Does passes of a task that were not done before. */
function performOnce(passes: KernelPasses, task: KernelTask): (pass: StripTask) => Promise<TiledResult> {
  return async (pass) => {
    const name = passName(pass, task);
    if (name === undefined) return runTiled(pass);
    const result = passes.get(name) ?? (await runTiled(pass));
    passes.set(name, result);
    return result;
  };
}

/** The results of a kernel. */
export interface KernelResult extends KernelScores {
  /** d perImage / d output, float32 planes of the output's shape [n, c, h, w]. */
  readonly grad?: Float32Array;
  /** The mean over channels of what each place contributes, [n, 1, h, w]. */
  readonly map?: { readonly data: Float32Array; readonly shape: Shape };
}

/** The arguments of a kernel's call. */
export type KernelCall = readonly [
  kernel: Kernel,
  spec: KernelSpec,
  output: KernelImage,
  target: KernelImage | undefined,
  options: KernelOptions,
];

/** Calls a kernel, when its modules are loaded; `caller`: what errors call it. */
export async function callKernel(caller: string, ...call: KernelCall): Promise<KernelResult> {
  const [kernel, spec, , , { passes }] = call;
  const { task, mapShape } = taskOf(caller, ...call);
  const kernels = await loadKernels(kernel.modules);
  const perform = passes ? performOnce(passes, task) : runTiled;
  return resultOf(await runSteps(kernel.run(kernels, spec, task), perform), task, mapShape);
}

/** The same at once, to the same bits, in the calling thread. */
export function callKernelSync(caller: string, ...call: KernelCall): KernelResult {
  const [kernel, spec] = call;
  const { task, mapShape } = taskOf(caller, ...call);
  const kernels = loadedKernels(kernel.modules);
  if (kernels === undefined) {
    throw new ReconlossError("invalid-argument", `${caller}: the kernels are not loaded yet; await ready() first`);
  }
  const scores = runStepsSync(kernel.run(kernels, spec, task), (strips) => runTiledSync(kernels, strips));
  return resultOf(scores, task, mapShape);
}

/** The task of a call, checked, with arrays for its results. */
function taskOf(
  caller: string,
  ...[kernel, spec, output, target, options]: KernelCall
): { task: KernelTask; mapShape?: Shape } {
  const name = `${caller}(${spec.kind})`;
  checkImage(name, "output", output);
  const { count, planes } = dimensions(output);
  const shape: Shape = [count, ...planes];
  const compared = kernel.needsTarget ? checkTarget(name, shape, target) : undefined;
  kernel.check(name, spec, shape);
  const grad = destination(name, "grad", options.grad, shape);
  const mapSize = options.map ? kernel.mapSize(spec, planes) : undefined;
  if (options.map && mapSize === undefined) {
    throw new ReconlossError("invalid-argument", `${name}: this loss has no map`);
  }
  if (options.weight) checkWeight(name, kernel.weightPlanes(spec, planes), options, count);
  const mapShape: Shape | undefined = mapSize && [count, 1, ...mapSize];
  const map = mapShape && destination(name, "map", options.map, mapShape);
  return { task: { output, target: compared, grad, map, weight: options.weight }, mapShape };
}

function resultOf(scores: KernelScores, { grad, map }: KernelTask, mapShape?: Shape): KernelResult {
  return { ...scores, grad, map: map && { data: map, shape: mapShape as Shape } };
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

/** Refuses weights that do not fit the places that a kernel takes them of, and a map beside them. */
function checkWeight(name: string, planes: Planes | undefined, { weight, map }: KernelOptions, n: number): void {
  if (planes === undefined) throw new ReconlossError("invalid-argument", `${name}: this kernel takes no weight`);
  if (map) throw new ReconlossError("invalid-argument", `${name}: there is no map of weighted scores`);
  const [c, height, width] = planes;
  const [m, k, h, w] = weight!.shape;
  if ((m === n || m === 1) && (k === c || k === 1) && h === height && w === width) return;
  const wanted = formatShape([n, ...planes]);
  throw new ReconlossError(
    "shape",
    `${name}: options.weight must be ${wanted}, of 1 or ${n} images and 1 or ${c} channels, got ${formatShape(weight!.shape)}`,
  );
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
