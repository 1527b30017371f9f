/**
 * Where weights come from: the registry of published files, the search on this machine, downloads, and the readers of PyTorch and
 * safetensors checkpoints. For Node; the readers alone (`readCheckpoint`, `readStateDict`) also run in a browser.
 *
 * @module
 */
export { Checkpoint, type CheckpointOptions, readCheckpoint } from "./checkpoint.ts";
export { type DownloadOptions, type DownloadProgress, downloadWeights } from "./download.ts";
export type { DType, TensorData } from "./elements.ts";
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
export { type WeightsEntry, weightsEntry, weightsRegistry } from "./registry.ts";
export { type ByteSource, bytesSource } from "./source.ts";
export {
  describeStateDict,
  type NamedTensors,
  readStateDict,
  type StateDict,
  type StateDictOptions,
  type TensorShapes,
  type WeightTensor,
} from "./state-dict.ts";
export { safetensors } from "./write-safetensors.ts";
