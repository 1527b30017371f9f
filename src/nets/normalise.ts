import type { Ops } from "../graph/ops.ts";

/** Mean and standard deviation of each channel, for images in [0, 1]. */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Of the photographs of ImageNet; what torchvision's weights were trained with. */
export const imagenetStatistics: ChannelStatistics = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** `(x - mean) / std`, per channel. */
export function normalise<T>(o: Ops<T>, x: T, { mean, std }: ChannelStatistics): T {
  const perChannel = (values: readonly number[]) => o.constant(values, [1, values.length, 1, 1]);
  return o.add(o.mul(x, perChannel(std.map((s) => 1 / s))), perChannel(mean.map((m, c) => -m / std[c])));
}
