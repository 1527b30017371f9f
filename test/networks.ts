import type { StateDict, TensorShapes } from "../packages/core/src/nets/index.ts";
import { type LpipsNet, lpipsHeads, lpipsNetworks } from "../packages/core/src/nets/table.ts";
import { seededWeights } from "./seeded-weights.ts";

const made = new Map<string, StateDict>();

/** A network's tensors with seeded values, made once. */
export function seededStateDict(shapes: TensorShapes): StateDict {
  const key = JSON.stringify(shapes);
  const known = made.get(key);
  if (known !== undefined) return known;
  const dict = Object.fromEntries(
    Object.entries(seededWeights(shapes)).map(([name, data]) => [name, { shape: shapes[name], data }]),
  );
  made.set(key, dict);
  return dict;
}

/** Seeded weights of LPIPS: the network's, and heads under the official names. */
export function seededLpips(net: LpipsNet): { trunk: StateDict; heads: StateDict } {
  return { trunk: seededStateDict(lpipsNetworks[net].network.tensors()), heads: seededStateDict(lpipsHeads(net)) };
}
