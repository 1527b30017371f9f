/**
 * Sources of weights: the registry of published files, the search on this machine, downloads, and the readers of PyTorch and
 * safetensors checkpoints.
 *
 * @module
 */
import "./disk.ts";

export * from "@reconloss/core/weights";
export { type DownloadOptions, downloadWeights } from "./download.ts";
export { type Environment, weightsCache } from "./folders.ts";
export {
  checkWeights,
  type FoundWeights,
  findWeights,
  type ImportedWeights,
  importWeights,
  openWeights,
  pullWeights,
  resolveWeights,
  type WeightsCheck,
  type WeightsOptions,
  type WeightsState,
} from "./locate.ts";
export { openCheckpoint } from "./open.ts";
export { type PackedWeights, type PackOptions, packWeights } from "./pack.ts";
