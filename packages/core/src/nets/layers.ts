import type { Ops } from "../graph/ops.ts";
import { constant, type Initializer, kaimingUniform, normal } from "./initializers.ts";
import { activation, type Layer } from "./layer.ts";
import { spectralNorm, type Weight } from "./norms.ts";

/** `nn.ReLU`. */
export const relu = activation((o, x) => o.relu(x));

/** Pixels in [0, 1] around 0, so that the zeros beyond the border are grey. */
export const centre = activation((o, x) => o.sub(x, 0.5));

/** First values of a layer's weight and bias, given how many values each output is a sum of. */
export type LayerInitializers = (fanIn: number) => { weight: Initializer; bias: Initializer };

/** PyTorch's own for convolutions and linear layers. */
export const pytorchDefault: LayerInitializers = (fanIn) => ({
  weight: kaimingUniform(fanIn),
  bias: kaimingUniform(fanIn),
});

/** Normal with deviation 0.02 and no bias, as DCGAN (Radford et al. 2016) and pix2pix start. */
export const narrowNormal: LayerInitializers = () => ({ weight: normal(0.02), bias: constant(0) });

/** A tenth of PyTorch's own, for a last layer whose output is added to an image. */
export const nearZero: LayerInitializers = (fanIn) => pytorchDefault(100 * fanIn);

/** Options of {@link conv}. */
export interface ConvOptions {
  /** Default 1. */
  stride?: number;
  /** Zeros around the image, along both axes or each. Default 0. */
  padding?: number | readonly [number, number];
  /** Default true. */
  bias?: boolean;
  /** Whether the weight is divided by its spectral norm. Default false. */
  spectral?: boolean;
  /** Default PyTorch's own. */
  initializers?: LayerInitializers;
  /** PyTorch's shape of the weight, where it is not that of a convolution. */
  shape?: readonly number[];
}

/** `nn.Conv2d`; with `shape`, an `nn.Linear` of the flattened image. */
export function conv(
  name: string,
  inputs: number,
  outputs: number,
  kernel: number | readonly [height: number, width: number],
  options: ConvOptions = {},
): Layer {
  const { stride = 1, padding = 0, bias = true, spectral = false, initializers = pytorchDefault } = options;
  const [height, width] = typeof kernel === "number" ? [kernel, kernel] : kernel;
  const dims = [outputs, inputs, height, width] as const;
  const initialize = initializers(inputs * height * width);
  const weight = { shape: options.shape ?? dims, dims, initialize: initialize.weight };
  const key = `${name}.weight`;
  const kernels: Weight = spectral
    ? spectralNorm(key, weight)
    : { parameters: { [key]: weight }, buffers: {}, weight: (pass) => pass.tensor(key) };
  const shift = `${name}.bias`;
  return {
    parameters: {
      ...kernels.parameters,
      ...(bias ? { [shift]: { shape: [outputs], initialize: initialize.bias } } : {}),
    },
    buffers: kernels.buffers,
    apply: (pass, x) => {
      const convolved = pass.o.conv2d(x, kernels.weight(pass), { stride, padding });
      return bias ? pass.o.add(convolved, pass.tensor(shift)) : convolved;
    },
  };
}

/** `nn.MaxPool2d`; `ceilMode` rounds the size up. */
export function maxPool(kernel: number, stride: number, options: { padding?: number; ceilMode?: boolean } = {}): Layer {
  return activation((o, x) => o.maxPool(x, kernel, { stride, ...options }));
}

/** `nn.AvgPool2d`. */
export function averagePool(
  kernel: number,
  stride: number,
  options: { padding?: number; countIncludePad?: boolean } = {},
): Layer {
  return activation((o, x) => o.avgPool(x, kernel, { stride, ...options }));
}

/**
 * Half the size by the root of a mean of squares under a Hann window of 3x3 pixels, so that no frequency is mistaken for another (Hénaff, Simoncelli 2016; the L2 pooling of DISTS): sides round up,
 * zeros beyond the border count. The small number under the root keeps its slope finite.
 */
export const l2Pool: Layer = activation((o, x) => {
  const channels = o.channels(x);
  const window = Float64Array.from({ length: 9 * channels }, (_, i) => [1, 2, 1, 2, 4, 2, 1, 2, 1][i % 9] / 16);
  const kernel = o.constant(window, [channels, 1, 3, 3]);
  const mean = o.conv2d(o.square(x), kernel, { stride: 2, padding: 1, groups: channels });
  return o.sqrt(o.add(mean, 1e-12));
});

/** `nn.PixelShuffle`: blocks of factor x factor channels become pixels. */
export function pixelShuffle(factor: number): Layer {
  return activation((o, x) => o.depthToSpace(x, factor));
}

/** An image `factor` times as high and wide as `x`, for `resize` to take the size of. */
export function largerBy<T>(o: Ops<T>, x: T, factor: number): T {
  const blocks = new Array(factor ** 2).fill(o.channel(x, 0));
  return o.depthToSpace(o.stopGradient(o.concat(blocks)), factor);
}

/** `nn.Upsample` by a whole factor. */
export function upsample(factor: number, mode: "nearest" | "bilinear"): Layer {
  return activation((o, x) => o.resize(x, largerBy(o, x, factor), { mode }));
}
