import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { callKernel, callKernelSync, type KernelCall, type KernelOptions, type KernelResult } from "./run.ts";
import { kernelOf } from "./table.ts";
import type { KernelImage, KernelSpec } from "./types.ts";

export { sharedTensors } from "./arena.ts";
export { bestBuild, ready } from "./load.ts";
export { setKernelThreads } from "./pool.ts";
export type { NotedExtremes } from "./rows.ts";
export type { KernelOptions, KernelPasses, KernelResult } from "./run.ts";
export type * from "./types.ts";

/**
 * Scores images with a fused kernel: value, gradient and map in one pass over bands of rows. Memory beyond the results does not grow with
 * the height of the image, but for the smaller scales of `ms-ssim`, `gmsd`, `vif` and `ssimulacra2` and the averaged images of `haarpsi`, `mdsi` and `fsim`, with their waves. Large images are shared among threads where that pays; the result does not depend on how many.
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
  return callKernel("runKernel", ...callOf("runKernel", spec, output, target, options));
}

/**
 * {@link runKernel} in the calling thread, at once, to the same bits.
 *
 * @throws {ReconlossError} `invalid-argument` also before the kernels are loaded: see `ready`
 */
export function runKernelSync(
  spec: KernelSpec,
  output: KernelImage,
  target?: KernelImage,
  options: KernelOptions = {},
): KernelResult {
  return callKernelSync("runKernelSync", ...callOf("runKernelSync", spec, output, target, options));
}

/** A call of the kernel that a specification names. */
function callOf(
  caller: string,
  spec: KernelSpec,
  output: KernelImage,
  target: KernelImage | undefined,
  options: KernelOptions,
): KernelCall {
  checkArguments(caller, {
    spec: [spec, "object", ["kind"]],
    output: [output, "object", ["data"]],
    target: [target, "object?"],
    options: [options, "object?"],
  });
  const kernel = kernelOf(spec);
  if (kernel === undefined) {
    throw new ReconlossError("invalid-argument", `${caller}: there is no kernel ${(spec as KernelSpec).kind}`);
  }
  return [kernel, spec, output, target, options];
}
