export { type ErrorCode, ReconlossError } from "./errors.ts";
export { parseLoss, parseLosses } from "./grammar.ts";
export { type ProbedDevice, probeDevice } from "./graph/device.ts";
export { ready } from "./kernels/load.ts";
export * from "./losses/index.ts";
export { type ImageDecoder, setImageDecoder } from "./pixels/decoder.ts";
export { toImage, toImageSync } from "./pixels/input.ts";
export { type FrameLuma, type LumaSource, lumaOf } from "./pixels/luma.ts";
export type { PreparedImage } from "./pixels/prepared-image.ts";
export type {
  BitmapSource,
  CanvasSource,
  ImageElementSource,
  ImageInput,
  OnnxTensorSource,
  SharpSource,
  VideoFrameSource,
} from "./pixels/sources.ts";
export { Random } from "./random.ts";
export {
  type Device,
  loadRuntime,
  type Runtime,
  type RuntimeOptions,
  type Session,
  type SessionOptions,
  type ValueInfo,
} from "./runtimes/index.ts";
export { type Shape, Tensor } from "./tensor.ts";
