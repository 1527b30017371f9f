import { deflateSync } from "fflate";
import { halfValues } from "../../packages/core/src/half.ts";
import { inSteps } from "../../packages/core/src/nets/tiny-packed.ts";
import type { StateDict } from "../../packages/core/src/weights/state-dict.ts";
import { halfBits, halfPlanes } from "./half.ts";

const rounded = (value: number): number => halfValues()[halfBits(value)];

/** The numbers of quantisation steps for the largest entry of an output channel, the finest first. */
export const finenesses = [127, 119, 111, 103, 95, 87, 79, 71, 63] as const;

/**
 * Weights as text: what `unpackSteps` reads. The entries of each output channel of a convolution are multiples of a step.
 *
 * @param fineness - how many steps the largest of them is
 */
export function packSteps(weights: StateDict, fineness: number): string {
  const steps: number[] = [];
  const numbers: number[] = [];
  for (const { shape, data } of Object.values(weights)) {
    if (!inSteps(shape)) {
      numbers.push(...(data as Float32Array));
      continue;
    }
    const each = data.length / shape[0];
    for (let channel = 0; channel < shape[0]; channel++) {
      const entries = [...(data as Float32Array).subarray(channel * each, (channel + 1) * each)];
      const largest = entries.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const size = rounded(Math.max(largest / fineness, 2 ** -24));
      numbers.push(size);
      steps.push(...entries.map((x) => Math.max(-127, Math.min(127, Math.round(x / size)))));
    }
  }
  const bytes = Buffer.concat([Uint8Array.from(steps, (step) => step & 255), halfPlanes(numbers)]);
  return Buffer.from(deflateSync(bytes, { level: 9 })).toString("base64");
}
