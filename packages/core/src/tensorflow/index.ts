/**
 * The losses inside TensorFlow.js: functions of its tensors, on its devices, on its tape.
 *
 * @module
 */

export type { ResultOf, Tensorflow, TensorOf } from "./framework.ts";
export { type LayoutOptions, type TensorflowFunction, tfFunction } from "./function.ts";
export { registerGradients } from "./kernels.ts";
export { type TensorflowLoss, tfLoss } from "./loss.ts";
export type { ImageFunction } from "./program.ts";
