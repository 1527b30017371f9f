import type { StateDict, TensorShapes } from "../src/nets/state-dict.ts";
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
