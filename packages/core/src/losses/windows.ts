import type { Ops } from "../graph/ops.ts";

/** A separable window: the weights along each axis, and what they sum to beyond 1 over both. */
export interface Window {
  rows: Float64Array;
  columns: Float64Array;
  excess: number;
  /** Pixels along an axis from window to window. Default 1. */
  stride?: number;
}

/**
 * A Gaussian or uniform window of any height and width, whose weights sum to 1, rounded to float32 so that every backend computes with the
 * same weights. The sum of the rounded weights is off by up to 1e-7; {@link windowCovariance} needs to know by how much.
 */
export function makeWindow(
  kind: "gaussian" | "uniform",
  [height, width]: readonly [number, number],
  [sigmaDown, sigmaAcross]: readonly [number, number],
): Window {
  const rows = axisWeights(kind, height, sigmaDown);
  const columns = axisWeights(kind, width, sigmaAcross);
  return { rows, columns, excess: sum(rows) * sum(columns) - 1 };
}

function axisWeights(kind: "gaussian" | "uniform", size: number, sigma: number): Float64Array {
  const centre = (size - 1) / 2;
  const shape = Float64Array.from({ length: size }, (_, i) =>
    kind === "uniform" ? 1 : Math.exp(-((i - centre) ** 2) / (2 * sigma ** 2)),
  );
  const total = sum(shape);
  return shape.map((weight) => Math.fround(weight / total));
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The mean of each channel under a window at every place where it fits: [n, c, h - height + 1, w - width + 1]; of places `stride` apart, the first among them, where the window has one. */
export function windowMean<T>(o: Ops<T>, x: T, { rows, columns, stride = 1 }: Window): T {
  const channels = o.channels(x);
  const repeat = (weights: Float64Array) =>
    Float64Array.from({ length: channels * weights.length }, (_, i) => weights[i % weights.length]);
  const down = o.constant(repeat(rows), [channels, 1, rows.length, 1]);
  const across = o.constant(repeat(columns), [channels, 1, 1, columns.length]);
  const means = o.conv2d(x, down, { groups: channels, stride: [stride, 1] });
  return o.conv2d(means, across, { groups: channels, stride: [1, stride] });
}

/**
 * The covariance of a and b under a window, given their window means: E[ab] - E[a] E[b]. With weights that sum to 1 + d, that difference is off
 * by d E[a] E[b], which is put back: it looks small, but covariances are small differences of large numbers.
 */
export function windowCovariance<T>(
  o: Ops<T>,
  [a, meanA]: readonly [T, T],
  [b, meanB]: readonly [T, T],
  window: Window,
): T {
  const product = o.mul(meanA, meanB);
  const difference = o.sub(windowMean(o, o.mul(a, b), window), product);
  return o.add(difference, o.mul(product, window.excess));
}
