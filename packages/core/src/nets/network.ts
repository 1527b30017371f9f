import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import type { StateDict, TensorShapes } from "../weights/state-dict.ts";
import { type Layer, sequence } from "./layers.ts";

/**
 * A convolutional network whose values can be looked at after every layer, under that layer's tap name.
 *
 * Only the layers up to the last tap asked for are built, and only their tensors are needed.
 *
 * @example
 * ```ts
 * import { alexnet } from "@reconloss/core/nets";
 * alexnet.tensors(["relu1"]); // { "features.0.weight": [64, 3, 11, 11], "features.0.bias": [64] }
 * alexnet.leastSize(["relu5"]); // 31: smaller images leave nothing for the last layers
 * ```
 */
export class Network {
  /** The name that its checkpoints go by: `vgg16`. */
  readonly name: string;
  readonly #layers: readonly (readonly [tap: string, layer: Layer])[];

  constructor(name: string, layers: readonly (readonly [tap: string, layer: Layer])[]) {
    this.name = name;
    this.#layers = layers;
  }

  /** The names of all taps, in order. */
  get taps(): string[] {
    return this.#layers.map(([tap]) => tap);
  }

  /** The names and shapes of the tensors that these taps need. */
  tensors(taps: readonly string[]): TensorShapes {
    return Object.assign({}, ...this.#upTo(taps).map(([, { tensors }]) => tensors));
  }

  /** The network up to a tap, as one layer. */
  layer(tap: string): Layer {
    return sequence(this.#upTo([tap]).map(([, layer]) => layer));
  }

  /** The smallest height and width of an image that leaves something at each of these taps. */
  leastSize(taps: readonly string[]): number {
    const layers = this.#upTo(taps);
    const fits = (size: number) => {
      for (const [, layer] of layers) if ((size = layer.size(size)) < 1) return false;
      return true;
    };
    let size = 1;
    while (!fits(size)) size++;
    return size;
  }

  /**
   * The values at taps, in the order in which they are asked for.
   *
   * @param image - [n, 3, h, w], already normalised as the weights expect it
   * @throws {ReconlossError} `checkpoint` for a tensor that is missing
   */
  features<T>(o: Ops<T>, image: T, weights: StateDict, taps: readonly string[]): T[] {
    const found = new Map<string, T>();
    let x = image;
    for (const [tap, layer] of this.#upTo(taps)) {
      x = layer.apply(o, x, weights);
      if (taps.includes(tap)) found.set(tap, x);
    }
    return taps.map((tap) => found.get(tap) as T);
  }

  #upTo(taps: readonly string[]) {
    const positions = taps.map((tap) => this.taps.indexOf(tap));
    const unknown = positions.indexOf(-1);
    if (unknown >= 0) {
      throw new ReconlossError(
        "invalid-argument",
        `${this.name}: there is no tap "${taps[unknown]}"; there are: ${this.taps.join(", ")}`,
      );
    }
    return this.#layers.slice(0, Math.max(...positions) + 1);
  }
}
