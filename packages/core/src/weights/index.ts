/**
 * Weights as bytes: the registry of published files, the places where they are looked for, and the readers of PyTorch and safetensors checkpoints.
 *
 * @module
 */
export { Checkpoint, type CheckpointOptions, readCheckpoint } from "./checkpoint.ts";
export type { DType, TensorData } from "./elements.ts";
export { type DownloadProgress, type FetchOptions, type FetchWeightsOptions, fetchWeights } from "./fetch.ts";
export type { BlobLike, UrlLike, WeightFile } from "./given.ts";
export type { StopSignal } from "./host.ts";
export { type HostedOptions, hostedWeights, weightsFrom } from "./hosted.ts";
export type { PackedFile, WeightsManifest } from "./manifest.ts";
export { addWeightsPlace, type WeightsPlace } from "./places.ts";
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
export { type SafetensorsOptions, safetensors } from "./write-safetensors.ts";
