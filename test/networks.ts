import { alexnet, type StateDict, squeezenet, type TensorShapes, vgg } from "../packages/core/src/nets/index.ts";
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

const trunks = { alex: alexnet, vgg: vgg("vgg16"), squeeze: squeezenet };
const widths = {
  alex: [64, 192, 384, 256, 256],
  vgg: [64, 128, 256, 512, 512],
  squeeze: [64, 128, 256, 384, 384, 512, 512],
};

/** Seeded weights of LPIPS: the network's, and heads under the official names. */
export function seededLpips(net: keyof typeof trunks): { trunk: StateDict; heads: StateDict } {
  const network = trunks[net];
  const heads = Object.fromEntries(widths[net].map((count, i) => [`lin${i}.model.1.weight`, [1, count, 1, 1]]));
  return { trunk: seededStateDict(network.tensors([network.taps.at(-1) as string])), heads: seededStateDict(heads) };
}
