import type { Ops } from "../graph/ops.ts";
import type { TensorShapes } from "../weights/state-dict.ts";
import type { TensorSpecs } from "./tensors.ts";

/** One forward pass through a network, as its layers see it: in training or after, with tensors that may change or constants. */
export interface Pass<T> {
  readonly o: Ops<T>;
  readonly training: boolean;
  /** The value of a parameter or buffer. */
  tensor(name: string): T;
  /** A value that follows from parameters and buffers alone; of constants it is one, computed once, in float64. */
  derived(build: <U>(o: Ops<U>, tensor: (name: string) => U) => U): T;
  /** Notes a buffer's new value, which is no part of what is differentiated. */
  update(name: string, value: T): void;
  /** Notes what a layer gives, for losses that compare it. */
  see(value: T): void;
}

/** A part of a network: the tensors that it is made of, and what it does. Networks that are trained and networks with published weights are made of the same ones. */
export interface Layer {
  /** The trained tensors. */
  readonly parameters: TensorSpecs;
  /** The tensors that a forward pass in training updates: running statistics. */
  readonly buffers: TensorSpecs;
  apply<T>(pass: Pass<T>, x: T): T;
}

/** The input of a layer, recorded as the output of the layer before it. */
export const seen: Layer = {
  parameters: {},
  buffers: {},
  apply: (pass, x) => {
    pass.see(x);
    return x;
  },
};

/** The shapes of a layer's tensors, as in checkpoints. */
export function shapesOf({ parameters, buffers }: Layer): TensorShapes {
  return Object.fromEntries(Object.entries({ ...parameters, ...buffers }).map(([name, { shape }]) => [name, shape]));
}

/** A function without tensors, as a layer. */
export function activation(f: <T>(o: Ops<T>, x: T) => T): Layer {
  return { parameters: {}, buffers: {}, apply: ({ o }, x) => f(o, x) };
}

/** Layers as one, joined by a function. */
export function join(layers: readonly Layer[], apply: Layer["apply"]): Layer {
  return {
    parameters: Object.assign({}, ...layers.map(({ parameters }) => parameters)),
    buffers: Object.assign({}, ...layers.map(({ buffers }) => buffers)),
    apply,
  };
}

/** Layers one after the other. */
export function chain(...layers: readonly Layer[]): Layer {
  return join(layers, (pass, x) => layers.reduce((value, layer) => layer.apply(pass, value), x));
}

/** Layers side by side, joined along channels. */
export function parallel(...branches: readonly Layer[]): Layer {
  return join(branches, (pass, x) => pass.o.concat(branches.map((branch) => branch.apply(pass, x))));
}

/** A layer added to what goes into it. */
export function residual(layer: Layer): Layer {
  return { ...layer, apply: (pass, x) => pass.o.add(layer.apply(pass, x), x) };
}
