import type { StateDict } from "../../packages/core/src/weights/state-dict.ts";
import { packHalves } from "./half.ts";
import { finenesses, packSteps } from "./steps.ts";

const moduleOf = (packed: string, script: string) =>
  [
    `/** Written by ${script}: the weights of a network in tiny.ts, of this project's own training; see docs/tiny-lpips.md. */`,
    "export const packed =",
    `  "${packed}";`,
    "",
  ].join("\n");

/** The module that carries the weights of the first edition. */
export function firstWeightsModule(weights: StateDict, script: string): string {
  return moduleOf(packHalves(Object.values(weights).flatMap(({ data }) => [...(data as Float32Array)])), script);
}

/** The module that carries the weights of the second, as finely as 300 kB hold them. */
export function weightsModule(weights: StateDict, script: string): string {
  for (const fineness of finenesses) {
    const module = moduleOf(packSteps(weights, fineness), script);
    if (module.length <= 300_000) return module;
  }
  throw new Error("the weights do not fit into 300 kB");
}
