import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { constant, direction, type Initializer, kaimingUniform, normal } from "./initializers.ts";
import type { Model, TensorSpec } from "./model.ts";

type Specs = Readonly<Record<string, TensorSpec>>;

/** One forward pass through a model, as its blocks see it. */
export interface Pass<T> {
  readonly o: Ops<T>;
  readonly training: boolean;
  /** The value of a parameter or buffer. */
  tensor(name: string): T;
  /** Notes a buffer's new value, which is no part of what is differentiated. */
  update(name: string, value: T): void;
}

/** A part of a model: the tensors that it is made of, and what it does. */
export interface Block {
  readonly parameters: Specs;
  readonly buffers: Specs;
  apply<T>(pass: Pass<T>, x: T): T;
}

/** What a model accepts, for messages before anything runs. */
export interface InputRules {
  readonly channels: number;
  /** Throws if images of this size, where it is known, do not fit. */
  readonly refuse?: (h: number, w: number) => void;
}

/**
 * A block as a model.
 *
 * @throws {ReconlossError} from `forward`: `shape` for images that do not fit, as far as their size is known while the graph is
 * built; `checkpoint` for a tensor that is missing
 */
export function model(name: string, { channels, refuse }: InputRules, block: Block): Model {
  return {
    name,
    parameters: block.parameters,
    buffers: block.buffers,
    ...(refuse && { checkSize: refuse }),
    forward(o, x, tensors, training) {
      const dims = o.dims(x);
      const [, c, h, w] = dims;
      if (c !== channels) {
        const found = dims.map((dim) => dim ?? "?").join("x");
        throw new ReconlossError("shape", `${name}: x must have ${channels} channels, got ${found}`);
      }
      if (h !== undefined && w !== undefined) refuse?.(h, w);
      const buffers: Record<string, typeof x> = {};
      const tensor = (key: string) => {
        if (Object.hasOwn(tensors, key)) return tensors[key];
        throw new ReconlossError("checkpoint", `${name}: tensor ${key} is missing`);
      };
      const update = (key: string, value: typeof x) => {
        buffers[key] = o.stopGradient(value);
      };
      return { output: block.apply({ o, training, tensor, update }, x), buffers };
    },
  };
}

/** Refuses images smaller than `least` pixels on a side. */
export function atLeast(name: string, least: number): (h: number, w: number) => void {
  return (h, w) => {
    if (Math.min(h, w) >= least) return;
    throw new ReconlossError("shape", `${name}: images must be at least ${least}x${least}, got ${h}x${w}`);
  };
}

/** Blocks as one, joined by a function. */
export function join(blocks: readonly Block[], apply: Block["apply"]): Block {
  return {
    parameters: Object.assign({}, ...blocks.map(({ parameters }) => parameters)),
    buffers: Object.assign({}, ...blocks.map(({ buffers }) => buffers)),
    apply,
  };
}

/** Blocks one after the other. */
export function chain(...blocks: readonly Block[]): Block {
  return join(blocks, (pass, x) => blocks.reduce((value, block) => block.apply(pass, value), x));
}

/** A block added to what goes into it. */
export function residual(block: Block): Block {
  return { ...block, apply: (pass, x) => pass.o.add(block.apply(pass, x), x) };
}

/** A function without tensors, as a block. */
export function activation(f: <T>(o: Ops<T>, x: T) => T): Block {
  return { parameters: {}, buffers: {}, apply: ({ o }, x) => f(o, x) };
}

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
export interface ConvBlockOptions {
  /** Default 1. */
  stride?: number;
  /** Zeros around the image. Default 0. */
  padding?: number;
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
  kernel: number,
  options: ConvBlockOptions = {},
): Block {
  const { stride = 1, padding = 0, bias = true, spectral = false, initializers = pytorchDefault } = options;
  const dims = [outputs, inputs, kernel, kernel] as const;
  const initialize = initializers(inputs * kernel ** 2);
  const weight = { shape: options.shape ?? dims, dims, initialize: initialize.weight };
  const kernels = spectral
    ? spectralNorm(`${name}.weight`, weight)
    : { parameters: { [`${name}.weight`]: weight }, buffers: {}, weight: plainWeight(`${name}.weight`) };
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

/** A weight that follows from tensors. */
interface Weight {
  readonly parameters: Specs;
  readonly buffers: Specs;
  weight<T>(pass: Pass<T>): T;
}

function plainWeight(name: string): Weight["weight"] {
  return (pass) => pass.tensor(name);
}

/** `x` with Euclidean length 1, unless it is shorter than 1e-12. */
function unit<T>(o: Ops<T>, x: T): T {
  return o.div(x, o.maximum(o.sqrt(o.sum(o.square(x), "nchw")), 1e-12));
}

/**
 * A weight divided by its largest singular value as a matrix of outputs x (inputs * kh * kw) (Miyato et al. 2018;
 * `torch.nn.utils.spectral_norm`). The singular vectors u and v are buffers; a forward pass in training first improves them by
 * one power iteration.
 */
function spectralNorm(name: string, spec: TensorSpec & { dims: readonly [number, number, number, number] }): Weight {
  const [original, left, right] = [`${name}_orig`, `${name}_u`, `${name}_v`];
  const [outputs, inputs, kh, kw] = spec.dims;
  return {
    parameters: { [original]: spec },
    buffers: {
      [left]: { shape: [outputs], dims: [outputs, 1, 1, 1], initialize: direction },
      [right]: { shape: [inputs * kh * kw], dims: [1, inputs, kh, kw], initialize: direction },
    },
    weight: (pass) => {
      const { o } = pass;
      const matrix = pass.tensor(original);
      let [u, v] = [pass.tensor(left), pass.tensor(right)];
      if (pass.training) {
        const fixed = o.stopGradient(matrix);
        v = unit(o, o.sum(o.mul(fixed, u), "n"));
        u = unit(o, o.sum(o.mul(fixed, v), "chw"));
        pass.update(left, u);
        pass.update(right, v);
      }
      const norm = o.sum(o.mul(o.sum(o.mul(matrix, o.stopGradient(v)), "chw"), o.stopGradient(u)), "n");
      return o.div(matrix, norm);
    },
  };
}

const normEpsilon = 1e-5;

/** What each step leaves of a running statistic is 1 less this. */
const momentum = 0.1;

/** The mean over some axes, what each value differs from it, and the mean of the squares of that. */
function statistics<T>(o: Ops<T>, x: T, axes: string): { mean: T; centred: T; variance: T } {
  const mean = o.mean(x, axes);
  const centred = o.sub(x, mean);
  return { mean, centred, variance: o.mean(o.square(centred), axes) };
}

/** The reciprocal of a standard deviation. */
function inverseDeviation<T>(o: Ops<T>, variance: T): T {
  return o.div(1, o.sqrt(o.add(variance, normEpsilon)));
}

/**
 * `nn.BatchNorm2d` (Ioffe and Szegedy 2015): in training by the batch's own statistics, the running ones following by a tenth of the way (the
 * variance's without bias); else by the running ones.
 *
 * @param scale - first values of the weight; default 1
 */
export function batchNorm(name: string, channels: number, scale: Initializer = constant(1)): Block {
  const [weight, bias, runningMean, runningVariance] = ["weight", "bias", "running_mean", "running_var"].map(
    (part) => `${name}.${part}`,
  );
  const spec = (initialize: Initializer) => ({ shape: [channels], initialize });
  return {
    parameters: { [weight]: spec(scale), [bias]: spec(constant(0)) },
    buffers: { [runningMean]: spec(constant(0)), [runningVariance]: spec(constant(1)) },
    apply: (pass, x) => {
      const { o } = pass;
      const apply = (centred: typeof x, variance: typeof x) => {
        const gain = o.mul(inverseDeviation(o, variance), pass.tensor(weight));
        return o.add(o.mul(centred, gain), pass.tensor(bias));
      };
      const running = { mean: pass.tensor(runningMean), variance: pass.tensor(runningVariance) };
      if (!pass.training) return apply(o.sub(x, running.mean), running.variance);
      const { mean, centred, variance } = statistics(o, x, "nhw");
      const count = o.size(x, "nhw");
      const unbiased = o.mul(variance, o.div(count, o.maximum(o.sub(count, 1), 1)));
      const follow = (old: typeof x, now: typeof x) => o.add(o.mul(old, 1 - momentum), o.mul(now, momentum));
      pass.update(runningMean, follow(running.mean, mean));
      pass.update(runningVariance, follow(running.variance, unbiased));
      return apply(centred, variance);
    },
  };
}

/** `nn.InstanceNorm2d` without parameters (Ulyanov et al. 2016): each channel of each image by its own statistics, in training and after. */
export const instanceNorm: Block = activation((o, x) => {
  const { centred, variance } = statistics(o, x, "hw");
  return o.mul(centred, inverseDeviation(o, variance));
});

/** `nn.PixelShuffle`: blocks of factor x factor channels become pixels. */
export function pixelShuffle(factor: number): Block {
  return activation((o, x) => o.depthToSpace(x, factor));
}

/** An image `factor` times as high and wide as `x`, for `resize` to take the size of. */
function largerBy<T>(o: Ops<T>, x: T, factor: number): T {
  const blocks = new Array(factor ** 2).fill(o.channel(x, 0));
  return o.depthToSpace(o.stopGradient(o.concat(blocks)), factor);
}

/** `nn.Upsample` by a whole factor. */
export function upsample(factor: number, mode: "nearest" | "bilinear"): Block {
  return activation((o, x) => o.resize(x, largerBy(o, x, factor), { mode }));
}
