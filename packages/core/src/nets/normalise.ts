import { checkArguments } from "../arguments.ts";
import type { Ops } from "../graph/ops.ts";

/** Mean and standard deviation of each channel, for images in [0, 1]. */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Of the photographs of ImageNet; what torchvision's weights were trained with. */
export const imagenetStatistics: ChannelStatistics = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** From [0, 1] to [-1, 1]. */
export const signedStatistics: ChannelStatistics = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

/**
 * The mean and deviation of version 0.1 of LPIPS for images in [0, 1]: the original does it to images in [-1, 1] with the shift
 * (-0.030, -0.088, -0.188) and the scale (0.458, 0.448, 0.450), rounded from ImageNet's statistics.
 */
export const lpipsScaling: ChannelStatistics = {
  mean: [-0.03, -0.088, -0.188].map((shift) => (shift + 1) / 2),
  std: [0.458, 0.448, 0.45].map((scale) => scale / 2),
};

/** `(x - mean) / std`, per channel; in this order, so that a convolution after it can take the factor into its weights. */
export function normalise<T>(o: Ops<T>, x: T, statistics: ChannelStatistics): T {
  checkArguments("normalise", {
    o: [o, "object"],
    x: [x, "object"],
    statistics: [statistics, "object", ["mean", "std"]],
  });
  const { mean, std } = statistics;
  const perChannel = (values: readonly number[]) => o.constant(values, [1, values.length, 1, 1]);
  return o.mul(o.sub(x, perChannel(mean)), perChannel(std.map((s) => 1 / s)));
}

/** Every pixel's channels scaled to length 1; a pixel of zeros stays zero, with a finite gradient. */
export function unitLength<T>(o: Ops<T>, x: T): T {
  const length = o.root(o.sum(o.square(x), "c"));
  return o.div(x, o.add(length, 1e-10));
}
