export { type ErrorCode, ReconlossError } from "./errors.ts";
export { parseLoss, parseLosses } from "./grammar.ts";
export { type SelectedDevice, selectDevice } from "./graph/device.ts";
export { ready } from "./kernels/index.ts";
export * from "./losses/index.ts";
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
