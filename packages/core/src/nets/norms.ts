import type { Ops } from "../graph/ops.ts";
import type { Shape } from "../tensor.ts";
import { constant, direction, type Initializer } from "./initializers.ts";
import { activation, type Layer, type Pass } from "./layer.ts";
import type { TensorSpec, TensorSpecs } from "./tensors.ts";

/** A weight that follows from tensors. */
export interface Weight {
  readonly parameters: TensorSpecs;
  readonly buffers: TensorSpecs;
  weight<T>(pass: Pass<T>): T;
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
export function spectralNorm(name: string, spec: TensorSpec & { dims: Shape }): Weight {
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

/** The epsilon that PyTorch adds to a variance before its root is taken. */
const usual = 1e-5;

/** PyTorch's momentum: the share of each batch in a running statistic. */
const momentum = 0.1;

/** The mean over some axes, what each value differs from it, and the mean of the squares of that. */
function statistics<T>(o: Ops<T>, x: T, axes: string): { mean: T; centred: T; variance: T } {
  const mean = o.mean(x, axes);
  const centred = o.sub(x, mean);
  return { mean, centred, variance: o.mean(o.square(centred), axes) };
}

/** The divisor of a norm. Never by its reciprocal: the runtime makes one operation of both where a gradient does not need the reciprocal, and rounds differently. */
function deviation<T>(o: Ops<T>, variance: T, epsilon = usual): T {
  return o.sqrt(o.add(variance, epsilon));
}

/** The options of {@link batchNorm}. */
export interface BatchNormOptions {
  /** First values of the weight. Default 1. */
  scale?: Initializer;
  /** Default 1e-5, as PyTorch. */
  epsilon?: number;
}

/**
 * `nn.BatchNorm2d` (Ioffe and Szegedy 2015): in training by the batch's own statistics, the running ones following by a tenth of the way (the
 * variance's without bias); else by the running ones, as one factor and one shift for each channel.
 */
export function batchNorm(
  name: string,
  channels: number,
  { scale = constant(1), epsilon = usual }: BatchNormOptions = {},
): Layer {
  const [weight, bias, runningMean, runningVariance] = ["weight", "bias", "running_mean", "running_var"].map(
    (part) => `${name}.${part}`,
  );
  const spec = (initialize: Initializer) => ({ shape: [channels], initialize });
  return {
    parameters: { [weight]: spec(scale), [bias]: spec(constant(0)) },
    buffers: { [runningMean]: spec(constant(0)), [runningVariance]: spec(constant(1)) },
    apply: (pass, x) => {
      const { o } = pass;
      if (!pass.training) {
        const factor = <U>(o: Ops<U>, tensor: (name: string) => U) =>
          o.div(tensor(weight), deviation(o, tensor(runningVariance), epsilon));
        const shift = pass.derived((o, tensor) => o.sub(tensor(bias), o.mul(tensor(runningMean), factor(o, tensor))));
        return o.add(o.mul(x, pass.derived(factor)), shift);
      }
      const { mean, centred, variance } = statistics(o, x, "nhw");
      const count = o.size(x, "nhw");
      const unbiased = o.mul(variance, o.div(count, o.maximum(o.sub(count, 1), 1)));
      const follow = (old: typeof x, now: typeof x) => o.add(o.mul(old, 1 - momentum), o.mul(now, momentum));
      pass.update(runningMean, follow(pass.tensor(runningMean), mean));
      pass.update(runningVariance, follow(pass.tensor(runningVariance), unbiased));
      const gain = o.div(pass.tensor(weight), deviation(o, variance, epsilon));
      return o.add(o.mul(centred, gain), pass.tensor(bias));
    },
  };
}

/** `nn.InstanceNorm2d` without parameters (Ulyanov et al. 2016): each channel of each image by its own statistics, in training and after. */
export const instanceNorm: Layer = activation((o, x) => {
  const { centred, variance } = statistics(o, x, "hw");
  return o.div(centred, deviation(o, variance));
});
