import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import type { StateDict, TensorShapes } from "../weights/state-dict.ts";

/** What a layer sees: its position p depends on nothing but the positions from `p * stride - padding`, `kernel` of them, along either axis. */
export interface Window {
  readonly kernel: number;
  readonly stride: number;
  /** How far it reaches beyond the border, where there are zeros. */
  readonly padding: number;
}

/** One step of a network: the tensors it needs, what it does, what it sees, and what it does to an image's height or width. */
export interface Layer {
  readonly tensors: TensorShapes;
  readonly window: Window;
  apply<T>(o: Ops<T>, x: T, weights: StateDict): T;
  size(before: number): number;
}

/** The window of a layer that looks at each position alone. */
export const pointwise: Window = { kernel: 1, stride: 1, padding: 0 };

/** What the last of some layers, one after the other, sees of the first one's input. */
function windowThrough(windows: readonly Window[]): Window {
  return windows.reduce(
    (before, { kernel, stride, padding }) => ({
      kernel: before.kernel + (kernel - 1) * before.stride,
      stride: before.stride * stride,
      padding: before.padding + padding * before.stride,
    }),
    pointwise,
  );
}

/** What layers side by side, of one stride, see together. */
export function windowOfAll(windows: readonly Window[]): Window {
  const padding = Math.max(...windows.map((window) => window.padding));
  const after = Math.max(...windows.map((window) => window.kernel - window.padding));
  return { kernel: padding + after, stride: windows[0].stride, padding };
}

/** A tensor as a value: a vector as one number per channel, a convolution's weight as it is. */
export function parameter<T>(o: Ops<T>, weights: StateDict, name: string): T {
  const tensor = weights[name];
  if (tensor === undefined) throw new ReconlossError("checkpoint", `weights: tensor ${name} is missing`);
  const { shape, data } = tensor;
  return o.constant(data, shape.length === 1 ? [1, shape[0], 1, 1] : (shape as [number, number, number, number]));
}

/** `nn.Conv2d` with a bias. */
export function conv(
  name: string,
  inputs: number,
  outputs: number,
  kernel: number,
  { stride = 1, padding = 0 }: { stride?: number; padding?: number } = {},
): Layer {
  const [weight, bias] = [`${name}.weight`, `${name}.bias`];
  return {
    tensors: { [weight]: [outputs, inputs, kernel, kernel], [bias]: [outputs] },
    window: { kernel, stride, padding },
    apply: (o, x, weights) =>
      o.add(o.conv2d(x, parameter(o, weights, weight), { stride, padding }), parameter(o, weights, bias)),
    size: (before) => Math.floor((before + 2 * padding - kernel) / stride) + 1,
  };
}

/** `nn.BatchNorm2d` as it is after training: the running statistics are constants. */
export function batchNorm(name: string, channels: number): Layer {
  const parts = ["weight", "bias", "running_mean", "running_var"];
  return {
    tensors: Object.fromEntries(parts.map((part) => [`${name}.${part}`, [channels]])),
    window: pointwise,
    apply: (o, x, weights) => {
      const [weight, bias, mean, variance] = parts.map((part) => weights[`${name}.${part}`].data);
      const scale = weight.map((value, c) => value / Math.sqrt(variance[c] + 1e-5));
      const shift = bias.map((value, c) => value - mean[c] * scale[c]);
      return o.add(o.mul(x, o.constant(scale, [1, channels, 1, 1])), o.constant(shift, [1, channels, 1, 1]));
    },
    size: (before) => before,
  };
}

/** `nn.ReLU`. */
export const relu: Layer = { tensors: {}, window: pointwise, apply: (o, x) => o.relu(x), size: (before) => before };

/** `nn.MaxPool2d`; `ceilMode` rounds the size up. */
export function maxPool(
  kernel: number,
  stride: number,
  { padding = 0, ceilMode = false }: { padding?: number; ceilMode?: boolean } = {},
): Layer {
  const round = ceilMode ? Math.ceil : Math.floor;
  return {
    tensors: {},
    window: { kernel, stride, padding },
    apply: (o, x) => o.maxPool(x, kernel, { stride, padding, ceilMode }),
    size: (before) => round((before + 2 * padding - kernel) / stride) + 1,
  };
}

/** `nn.AvgPool2d` of 2x2 pixels. */
export const averagePool: Layer = {
  tensors: {},
  window: { kernel: 2, stride: 2, padding: 0 },
  apply: (o, x) => o.avgPool(x, 2),
  size: (before) => Math.floor(before / 2),
};

/** Layers one after the other, as one. */
export function sequence(layers: readonly Layer[]): Layer {
  return {
    tensors: Object.assign({}, ...layers.map(({ tensors }) => tensors)),
    window: windowThrough(layers.map(({ window }) => window)),
    apply: (o, x, weights) => layers.reduce((value, layer) => layer.apply(o, value, weights), x),
    size: (before) => layers.reduce((size, layer) => layer.size(size), before),
  };
}

/** SqueezeNet's Fire module: a 1x1 convolution to few channels, then 1x1 and 3x3 convolutions side by side. */
export function fire(name: string, inputs: number, squeezed: number, expanded: number): Layer {
  const squeeze = sequence([conv(`${name}.squeeze`, inputs, squeezed, 1), relu]);
  const branches = [
    sequence([conv(`${name}.expand1x1`, squeezed, expanded, 1), relu]),
    sequence([conv(`${name}.expand3x3`, squeezed, expanded, 3, { padding: 1 }), relu]),
  ];
  return {
    tensors: Object.assign({}, squeeze.tensors, ...branches.map(({ tensors }) => tensors)),
    window: windowOfAll(branches.map(({ window }) => window)),
    apply: (o, x, weights) => {
      const narrow = squeeze.apply(o, x, weights);
      return o.concat(branches.map((branch) => branch.apply(o, narrow, weights)));
    },
    size: (before) => before,
  };
}
