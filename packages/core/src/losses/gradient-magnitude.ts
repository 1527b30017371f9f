import type { Ops } from "../graph/ops.ts";

/** The weights by which a gradient is smoothed across its direction; their sum is 1. */
const smoothing = { prewitt: [1 / 3, 1 / 3, 1 / 3], scharr: [3 / 16, 10 / 16, 3 / 16] } as const;

/**
 * The length of the gradient of one plane, [n, 1, h, w], from differences of next neighbours but one, with zeros beyond the border. Its derivative is 0 where it is 0.
 *
 * The differences come first: flat areas then have a length of exactly 0, which decides whether they have a gradient.
 */
export function gradientMagnitude<T>(o: Ops<T>, x: T, operator: keyof typeof smoothing): T {
  const difference = [1, 0, -1];
  const across = o.conv2d(x, o.constant(difference, [1, 1, 1, 3]), { padding: [0, 1] });
  const down = o.conv2d(x, o.constant(difference, [1, 1, 3, 1]), { padding: [1, 0] });
  const smooth = smoothing[operator];
  const gx = o.conv2d(across, o.constant(smooth, [1, 1, 3, 1]), { padding: [1, 0] });
  const gy = o.conv2d(down, o.constant(smooth, [1, 1, 1, 3]), { padding: [0, 1] });
  return o.root(o.add(o.square(gx), o.square(gy)));
}
