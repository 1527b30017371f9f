import { tinyTensors } from "../../packages/core/src/nets/tiny.ts";
import type { StateDict } from "../../packages/core/src/weights/state-dict.ts";
import { packHalves } from "./half.ts";

/** The module that carries the weights. */
export function weightsModule(weights: StateDict, script: string): string {
  const values = Object.keys(tinyTensors()).flatMap((name) => [...weights[name].data]);
  const packed = packHalves(values);
  return [
    `/** Written by ${script}: the weights of the network in tiny.ts, of this project's own training; see docs/tiny-lpips.md. */`,
    "export const packed =",
    `  "${packed}";`,
    "",
  ].join("\n");
}
