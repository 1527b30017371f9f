/**
 * The mathematics that losses are written in: operations on image batches, autodiff over them, and the backends that run them.
 *
 * @module
 */

export type { Device } from "../runtimes/index.ts";
export { differentiate, type Traced, type Tracing } from "./autodiff.ts";
export { compile } from "./compile.ts";
export { type ProbedDevice, probeDevice } from "./device.ts";
export { buildModel, type Model } from "./model.ts";
export { type ConvOptions, Ops, type Padding, type PadMode, type Pair, type PoolOptions } from "./ops.ts";
export type { Axis, Backend } from "./primitives.ts";
export type { InputDims, Program, ProgramOutput } from "./program.ts";
export { type ReceptiveField, receptiveField, type Window } from "./receptive-field.ts";
export { type Float64Image, reference, toFloat64, toTensor } from "./reference.ts";
