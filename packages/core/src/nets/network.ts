import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import type { Dim } from "../graph/primitives.ts";
import { type Traced, trace, type Window } from "../graph/receptive-field.ts";
import type { StateDict, TensorShapes } from "../weights/state-dict.ts";
import { chain, type Layer, type Pass, shapesOf } from "./layer.ts";
import { frozenPass, passWith } from "./passes.ts";
import { dimsOf, type TensorSpecs } from "./tensors.ts";

type Layers = readonly (readonly [tap: string, layer: Layer])[];

/**
 * A convolutional network whose values can be looked at after every layer, under that layer's tap name.
 *
 * Only the layers up to the last tap asked for are built, and only their tensors are needed.
 *
 * @example
 * ```ts
 * import { alexnet } from "@reconloss/core/nets";
 * alexnet.tensors(["relu1"]); // { "features.0.weight": [64, 3, 11, 11], "features.0.bias": [64] }
 * alexnet.channels("relu1"); // 64
 * alexnet.leastSize(["relu5"]); // 31: smaller images leave nothing for the last layers
 * ```
 */
export class Network {
  /** The name that its checkpoints go by: `vgg16`. */
  readonly name: string;
  readonly #make: () => Layers;
  #made?: Layers;
  readonly #leastSizes = new Map<string, number>();
  #traced?: ReadonlyMap<string, Traced>;

  /**
   * @param layers - the layers in order, each with its tap's name; or what makes them when they are first asked for
   */
  constructor(name: string, layers: Layers | (() => Layers)) {
    this.name = name;
    this.#make = typeof layers === "function" ? layers : () => layers;
  }

  get #layers(): Layers {
    this.#made ??= this.#make();
    return this.#made;
  }

  /** The names of all taps, in order. */
  get taps(): string[] {
    return this.#layers.map(([tap]) => tap);
  }

  /** The names and shapes of the tensors that these taps need. */
  tensors(taps: readonly string[] = this.taps): TensorShapes {
    return Object.assign({}, ...this.#upTo(taps).map(([, layer]) => shapesOf(layer)));
  }

  /** The trained ones of the tensors that these taps need. */
  parameters(taps: readonly string[] = this.taps): TensorSpecs {
    return chain(...this.#upTo(taps).map(([, layer]) => layer)).parameters;
  }

  /** Returns the number of channels at a tap. */
  channels(tap: string): number {
    return this.#trace(tap).dims[1] as number;
  }

  /** The pixels of the image that each position of a tap depends on, along either axis. */
  window(tap: string): Window {
    return this.#trace(tap).window as Window;
  }

  /** The height and width at each of these taps, of an image of a height and width. */
  sizes(taps: readonly string[], height: number, width: number): (readonly [height: number, width: number])[] {
    const all = new Map(this.#traceUpTo(taps, height, width));
    return taps.map((tap) => (all.get(tap) as Traced).dims.slice(2) as [number, number]);
  }

  /** The smallest height and width of an image that leaves something at each of these taps. */
  leastSize(taps: readonly string[]): number {
    const key = taps.join();
    const known = this.#leastSizes.get(key);
    if (known !== undefined) return known;
    const fits = (size: number) =>
      this.#traceUpTo(taps, size, size).every(([, { dims }]) => dims.slice(2).every((side) => (side as number) > 0));
    // A whole window always leaves a position.
    let [tooSmall, enough] = [0, Math.max(...taps.map((tap) => this.window(tap).kernel))];
    while (enough - tooSmall > 1) {
      const middle = Math.floor((tooSmall + enough) / 2);
      if (fits(middle)) enough = middle;
      else tooSmall = middle;
    }
    this.#leastSizes.set(key, enough);
    return enough;
  }

  /**
   * The values at taps, in the order in which they are asked for.
   *
   * @param image - [n, 3, h, w], already normalised as the weights expect it
   * @throws {ReconlossError} `checkpoint` for a tensor that is missing
   */
  features<T>(o: Ops<T>, image: T, weights: StateDict, taps: readonly string[]): T[] {
    return this.forward(frozenPass(o, weights, this.#specs), image, taps);
  }

  /** The same in a pass whose tensors may be values that change: those of a network that is trained. */
  forward<T>(pass: Pass<T>, image: T, taps: readonly string[]): T[] {
    const found = new Map<string, T>();
    let x = image;
    for (const [tap, layer] of this.#upTo(taps)) {
      x = layer.apply(pass, x);
      if (taps.includes(tap)) found.set(tap, x);
    }
    return taps.map((tap) => found.get(tap) as T);
  }

  get #specs(): TensorSpecs {
    const { parameters, buffers } = chain(...this.#layers.map(([, layer]) => layer));
    return { ...parameters, ...buffers };
  }

  /** Shapes and windows of all taps, in images of any size, found once. */
  #trace(tap: string): Traced {
    this.#upTo([tap]);
    this.#traced ??= new Map(this.#traceUpTo(this.taps));
    return this.#traced.get(tap) as Traced;
  }

  #traceUpTo(taps: readonly string[], height?: Dim, width?: Dim): [tap: string, traced: Traced][] {
    const all = this.#upTo(taps).map(([tap]) => tap);
    const traced = trace([undefined, 3, height, width], (o, image, tensor) => {
      const values = Object.entries(this.#specs).map(([name, spec]) => [name, tensor(dimsOf(spec))] as const);
      return this.forward(passWith(o, this.name, Object.fromEntries(values)), image, all);
    });
    return all.map((tap, index) => [tap, traced[index]]);
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
