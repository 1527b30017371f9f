export { type ErrorCode, ReconlossError } from "./errors.ts";
export * from "./losses/index.ts";
export { type Shape, Tensor } from "./tensor.ts";
