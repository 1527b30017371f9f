import type { Ops } from "../graph/ops.ts";

/** The weights of a window along one axis; they sum to 1. */
export function windowWeights(kind: "gaussian" | "uniform", size: number, sigma: number): Float64Array {
  const centre = (size - 1) / 2;
  const weights = Float64Array.from({ length: size }, (_, i) =>
    kind === "uniform" ? 1 : Math.exp(-((i - centre) ** 2) / (2 * sigma ** 2)),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** The mean of each channel under a separable window at every place where it fits: [n, c, h - size + 1, w - size + 1]. */
export function windowMean<T>(o: Ops<T>, x: T, weights: Float64Array): T {
  const channels = o.channels(x);
  const all = Float64Array.from({ length: channels * weights.length }, (_, i) => weights[i % weights.length]);
  const rows = o.conv2d(x, o.constant(all, [channels, 1, weights.length, 1]), { groups: channels });
  return o.conv2d(rows, o.constant(all, [channels, 1, 1, weights.length]), { groups: channels });
}
