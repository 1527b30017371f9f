import type { Ops } from "../../packages/core/src/graph/ops.ts";
import { constant } from "../../packages/core/src/nets/initializers.ts";
import { headName } from "../../packages/core/src/nets/lpips-heads.ts";
import { passWith } from "../../packages/core/src/nets/passes.ts";
import type { TensorSpecs } from "../../packages/core/src/nets/tensors.ts";
import { tiny, tinyTaps, tinyTensors } from "../../packages/core/src/nets/tiny.ts";
import type { StateDict } from "../../packages/core/src/weights/state-dict.ts";

/** The root of a head: while they are trained heads are squares, and so never negative. */
const rootName = (layer: number) => `root${layer}`;

/** What training changes: the network's tensors, and the roots of the heads. */
export const parameters: TensorSpecs = {
  ...tiny.parameters(),
  ...Object.fromEntries(
    tinyTaps.map((tap, layer) => {
      return [rootName(layer), { shape: [tiny.channels(tap)], initialize: constant(Math.sqrt(0.05)) }];
    }),
  ),
};

/**
 * What the distance compares of an image.
 *
 * @param image - [n, 3, h, w], already normalised
 * @param tensors - {@link parameters}
 */
export function features<T>(o: Ops<T>, image: T, tensors: Readonly<Record<string, T>>): T[] {
  return tiny.forward(passWith(o, "tiny", tensors), image, tinyTaps);
}

/** A layer's head, [1, c, 1, 1]. */
export function head<T>(o: Ops<T>, tensors: Readonly<Record<string, T>>, layer: number): T {
  return o.square(tensors[rootName(layer)]);
}

/** The network and its heads, of the tensors that were trained. */
export function trained(tensors: Readonly<Record<string, { readonly data: Float32Array }>>): StateDict {
  return Object.fromEntries(
    Object.entries(tinyTensors()).map(([name, shape]) => {
      const layer = tinyTaps.findIndex((_, index) => headName(index) === name);
      const data = layer < 0 ? tensors[name].data : tensors[rootName(layer)].data.map((root) => root * root);
      return [name, { shape, data }];
    }),
  );
}

/** The tensors to train on, of weights that were trained before. */
export function trainable(weights: StateDict): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.keys(parameters).map((name) => {
      const layer = tinyTaps.findIndex((_, index) => rootName(index) === name);
      return [name, layer < 0 ? weights[name].data : weights[headName(layer)].data.map(Math.sqrt)];
    }),
  );
}
