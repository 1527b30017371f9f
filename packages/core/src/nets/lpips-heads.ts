import type { TensorShapes } from "../weights/state-dict.ts";

/** The name of the linear head of a layer, as LPIPS's checkpoints write it. */
export function headName(layer: number): string {
  return `lin${layer}.model.1.weight`;
}

/** The linear heads over layers of so many channels: names and shapes. */
export function headShapes(channels: readonly number[]): TensorShapes {
  return Object.fromEntries(channels.map((count, layer) => [headName(layer), [1, count, 1, 1]]));
}
