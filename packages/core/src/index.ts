export { type ErrorCode, ReconlossError } from "./errors.ts";
export { parseLoss, parseLosses } from "./grammar.ts";
export { type SelectedDevice, selectDevice } from "./graph/device.ts";
export type { Device } from "./graph/runtime.ts";
export * from "./losses/index.ts";
export { Random } from "./random.ts";
export { type Shape, Tensor } from "./tensor.ts";
