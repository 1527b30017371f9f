import type { StateDict, TensorShapes } from "../packages/core/src/nets/index.ts";
import { dists, type LpipsNet, lpipsHeads, lpipsNetwork } from "../packages/core/src/nets/table.ts";
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
  return { trunk: seededStateDict(lpipsNetwork(net).network.tensors()), heads: seededStateDict(lpipsHeads(net)) };
}

/** Seeded weights of DISTS; how much channels count is not negative: absolute values of the seeded rule for tensors of two axes, as in the goldens. */
export function seededDists(): { trunk: StateDict; weights: StateDict } {
  const weights = Object.fromEntries(
    Object.entries(dists.tensors).map(([name, shape]) => {
      const key = `dists.${name}.weight`;
      return [name, { shape, data: seededWeights({ [key]: [1, shape[1]] })[key].map(Math.abs) }];
    }),
  );
  return { trunk: seededStateDict(dists.network.tensors(dists.taps)), weights };
}
