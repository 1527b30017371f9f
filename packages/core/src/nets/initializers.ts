import { checkArguments } from "../arguments.ts";
import type { Random } from "../random.ts";

/** Gives a tensor its first values. */
export type Initializer = (random: Random, shape: readonly number[]) => Float32Array;

function filled(shape: readonly number[], value: () => number): Float32Array {
  return new Float32Array(shape.reduce((product, size) => product * size, 1)).map(value);
}

/** Every element `value`. */
export function constant(value: number): Initializer {
  return (_, shape) => filled(shape, () => value);
}

/** Uniform in [-bound, bound]. */
export function uniform(bound: number): Initializer {
  return (random, shape) => filled(shape, () => random.between(-bound, bound));
}

/** Normal around `mean`. */
export function normal(deviation: number, mean = 0): Initializer {
  return (random, shape) => filled(shape, () => mean + deviation * random.normal());
}

/**
 * PyTorch's initial weight and bias of a convolution or linear layer: uniform in +-1 / sqrt(fan in), which is Kaiming's rule with
 * a = sqrt(5) (He et al. 2015; `torch.nn.modules.conv._ConvNd.reset_parameters`).
 *
 * @param fanIn - how many values each output is a sum of: inputs / groups * kernel height * kernel width
 */
export function kaimingUniform(fanIn: number): Initializer {
  checkArguments("kaimingUniform", { fanIn: [fanIn, "number"] });
  return uniform(1 / Math.sqrt(fanIn));
}

/** Kaiming's rule for layers followed by a leaky ReLU (`torch.nn.init.kaiming_normal_`): normal with deviation gain / sqrt(fan in), gain^2 = 2 / (1 + slope^2). */
export function kaimingNormal(fanIn: number, slope = 0): Initializer {
  checkArguments("kaimingNormal", { fanIn: [fanIn, "number"], slope: [slope, "number?"] });
  return normal(Math.sqrt(2 / (1 + slope ** 2) / fanIn));
}

/** A random direction: normal numbers scaled to length 1 together (the singular vectors of `torch.nn.utils.spectral_norm`). */
export const direction: Initializer = (random, shape) => {
  checkArguments("direction", { random: [random, "object"], shape: [shape, "list"] });
  const values = filled(shape, () => random.normal());
  const length = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
  return values.map((value) => value / length);
};
