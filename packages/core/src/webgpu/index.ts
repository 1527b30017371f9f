/**
 * The losses on images that are in a GPU's memory and stay there.
 *
 * @module
 */

export type { GpuBuffer, GpuDevice } from "../runtimes/index.ts";
export { type GpuCallOptions, type GpuGradient, type GpuImages, type GpuLoss, gpuLoss } from "./loss.ts";
