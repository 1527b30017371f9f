/**
 * The losses inside jax-js: pure functions of its arrays, for its `grad`, `jit` and `vmap`, on its devices.
 *
 * @module
 */

export type { Jax, JaxArray, JaxOperations } from "./framework.ts";
export { type ImageFunction, jaxFunction, type LayoutOptions } from "./function.ts";
export { type JaxLoss, jaxLoss } from "./loss.ts";
