import type { Ops } from "../../packages/core/src/graph/ops.ts";
import { constant } from "../../packages/core/src/nets/initializers.ts";
import { headName } from "../../packages/core/src/nets/lpips-heads.ts";
import type { Network } from "../../packages/core/src/nets/network.ts";
import { passWith } from "../../packages/core/src/nets/passes.ts";
import type { TensorSpecs } from "../../packages/core/src/nets/tensors.ts";
import { tiny, tinyTaps, tinyTensors } from "../../packages/core/src/nets/tiny.ts";
import type { StateDict } from "../../packages/core/src/weights/state-dict.ts";

/** The root of a head: while they are trained heads are squares, and so never negative. */
const rootName = (layer: number) => `root${layer}`;

/** The parameters that training changes: the tensors of an edition's network, and the roots of the heads. */
export function parametersOf(edition: Network = tiny): TensorSpecs {
  const roots = tinyTaps.map((tap, layer) => {
    return [rootName(layer), { shape: [edition.channels(tap)], initialize: constant(Math.sqrt(0.05)) }] as const;
  });
  return { ...edition.parameters(), ...Object.fromEntries(roots) };
}

/**
 * The features of an image that the distance compares.
 *
 * @param image - [n, 3, h, w], already normalised
 * @param tensors - {@link parametersOf} the edition
 */
export function features<T>(o: Ops<T>, image: T, tensors: Readonly<Record<string, T>>, edition: Network = tiny): T[] {
  return edition.forward(passWith(o, edition.name, tensors), image, tinyTaps);
}

/** A layer's head, [1, c, 1, 1]. */
export function head<T>(o: Ops<T>, tensors: Readonly<Record<string, T>>, layer: number): T {
  return o.square(tensors[rootName(layer)]);
}

/** The network and its heads, of the tensors that were trained. */
export function trained(
  tensors: Readonly<Record<string, { readonly data: Float32Array }>>,
  edition: Network = tiny,
): StateDict {
  return Object.fromEntries(
    Object.entries(tinyTensors(edition)).map(([name, shape]) => {
      const layer = tinyTaps.findIndex((_, index) => headName(index) === name);
      const data = layer < 0 ? tensors[name].data : tensors[rootName(layer)].data.map((root) => root * root);
      return [name, { shape, data }];
    }),
  );
}

/** The tensors to train on, of weights that were trained before. */
export function trainable(weights: StateDict): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(weights).map(([name, { data }]) => {
      const layer = tinyTaps.findIndex((_, index) => headName(index) === name);
      return layer < 0 ? [name, data as Float32Array] : [rootName(layer), (data as Float32Array).map(Math.sqrt)];
    }),
  );
}

/**
 * The tensors of a wider edition, to train on from those of a narrower: what its first channels see is what they saw before, since they do not listen to the channels that are
 * new. These start at random, half as large as a network's that starts from nothing, with small heads.
 *
 * @param narrow - {@link trainable} weights
 * @param fresh - first values of the wider edition's parameters
 */
export function widened(
  narrow: Readonly<Record<string, Float32Array>>,
  fresh: Readonly<Record<string, Float32Array>>,
  [from, to]: readonly [Network, Network],
): Record<string, Float32Array> {
  const [before, after] = [from, to].map((edition) => parametersOf(edition));
  return Object.fromEntries(
    Object.entries(after).map(([name, { shape }]) => {
      const values = Float32Array.from(fresh[name]);
      if (shape.length === 1) {
        values.fill(name.startsWith("root") ? 0.1 : 0.02);
        values.set(narrow[name]);
        return [name, values];
      }
      const window = shape[2] * shape[3];
      const [outputs, inputs] = before[name].shape;
      for (let at = 0; at < values.length; at++) {
        const [output, input] = [Math.floor(at / (shape[1] * window)), Math.floor(at / window) % shape[1]];
        if (output >= outputs) values[at] *= 0.5;
        else values[at] = input < inputs ? narrow[name][(output * inputs + input) * window + (at % window)] : 0;
      }
      return [name, values];
    }),
  );
}
