import type { TensorShapes } from "../packages/core/src/weights/state-dict.ts";

export type { TensorShapes };

/** FNV-1a, 32 bit, over the UTF-8 bytes of a text. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Uniform number `index` in [0, 1) of a seed: mulberry32 with a counter, so no number needs the one before it. */
export function uniform(seed: number, index: number): number {
  let t = (seed + Math.imul(index + 1, 0x6d2b79f5)) >>> 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

/** Rules that convert a uniform number to a weight of a tensor. The first rule that fits wins. */
function valueRule(name: string, shape: readonly number[], isBatchNorm: boolean): (u: number) => number {
  const part = name.slice(name.lastIndexOf(".") + 1);
  const scale = Math.sqrt(6 / shape.slice(1).reduce((product, size) => product * size, 1));
  if (/^lin\d+\./.test(name)) return (u) => u * 0.1;
  if (/^weight(_orig)?$/.test(part) && shape.length >= 2) return (u) => (2 * u - 1) * scale;
  if (part === "weight" && shape.length === 1) return (u) => 1 + 0.1 * (2 * u - 1);
  if (part === "bias") return isBatchNorm ? (u) => 0.1 * (2 * u - 1) : (u) => (2 * u - 1) * 0.05;
  if (part === "running_mean") return (u) => 0.1 * (2 * u - 1);
  if (part === "running_var") return (u) => 1 + 0.2 * u;
  if (part === "weight_u" || part === "weight_v") return (u) => 2 * u - 1;
  if (part === "num_batches_tracked") return () => 0;
  throw new Error(`seeded weights: no rule for ${name} with shape [${shape.join(", ")}]`);
}

/**
 * One tensor of weights computed from its name: the same float32 bits as the expected values of the network tests were made with.
 *
 * @param batchNorm Whether the tensor belongs to a batch norm, which changes the rule of a bias; default false.
 */
export function seededTensor(name: string, shape: readonly number[], batchNorm = false): Float32Array {
  const rule = valueRule(name, shape, batchNorm);
  const seed = fnv1a32(name);
  const count = shape.reduce((product, size) => product * size, 1);
  return Float32Array.from({ length: count }, (_, index) => rule(uniform(seed, index)));
}

/** All tensors of a network. A bias with a `running_mean` beside it in `shapes` is a batch norm's. */
export function seededWeights<Shapes extends TensorShapes>(
  shapes: Shapes,
): Record<keyof Shapes & string, Float32Array> {
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const runningMean = `${name.slice(0, name.lastIndexOf(".") + 1)}running_mean`;
    return [name, seededTensor(name, shape, runningMean in shapes)];
  });
  return Object.fromEntries(entries);
}
