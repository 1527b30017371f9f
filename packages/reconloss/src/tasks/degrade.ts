import { Tensor } from "@reconloss/core";
import { resize } from "../image/index.ts";

/** Weighted neighbours: each pixel becomes a sum of those at `dy`, `dx` from it; the border is repeated outwards. */
export interface Stencil {
  readonly taps: readonly { readonly dy: number; readonly dx: number; readonly weight: number }[];
  /** The furthest tap, along either axis. */
  readonly reach: number;
}

/** Taps of weights that add up to 1. */
function stencil(weights: ReadonlyMap<string, number>): Stencil {
  const sum = [...weights.values()].reduce((total, weight) => total + weight, 0);
  const taps = Array.from(weights, ([key, weight]) => {
    const [dy, dx] = key.split(",").map(Number);
    return { dy, dx, weight: weight / sum };
  });
  return { taps, reach: Math.max(...taps.map(({ dy, dx }) => Math.max(Math.abs(dy), Math.abs(dx)))) };
}

/**
 * The blur of a camera that moves evenly while the shutter is open: a line of `length` pixels through the centre.
 *
 * @param angle - in radians
 */
export function motion(length: number, angle: number): Stencil {
  const weights = new Map<string, number>();
  const samples = Math.max(1, Math.ceil(4 * length));
  for (let i = 0; i < samples; i++) {
    const along = length * ((i + 0.5) / samples - 0.5);
    const [y, x] = [along * Math.sin(angle), along * Math.cos(angle)];
    // Each point of the line is shared out among the four pixels around it.
    for (const [py, wy] of shares(y)) {
      for (const [px, wx] of shares(x)) {
        const key = `${py},${px}`;
        if (wy * wx > 1e-12) weights.set(key, (weights.get(key) ?? 0) + wy * wx);
      }
    }
  }
  return stencil(weights);
}

function shares(position: number): readonly (readonly [number, number])[] {
  const lower = Math.floor(position);
  return [
    [lower, lower + 1 - position],
    [lower + 1, position - lower],
  ];
}

/** An image seen through a stencil. */
export function seenThrough(image: Tensor, { taps, reach }: Stencil): Tensor {
  const [n, c, h, w] = image.shape;
  const result = new Float32Array(image.data.length);
  const wide = w + 2 * reach;
  const padded = new Float32Array((h + 2 * reach) * wide);
  for (let plane = 0; plane < n * c; plane++) {
    const from = plane * h * w;
    for (let y = 0; y < h + 2 * reach; y++) {
      const row = from + Math.min(h - 1, Math.max(0, y - reach)) * w;
      for (let x = 0; x < wide; x++) padded[y * wide + x] = image.data[row + Math.min(w - 1, Math.max(0, x - reach))];
    }
    for (const { dy, dx, weight } of taps) {
      for (let y = 0; y < h; y++) {
        const source = (y + reach + dy) * wide + reach + dx;
        const target = from + y * w;
        for (let x = 0; x < w; x++) result[target + x] += weight * padded[source + x];
      }
    }
  }
  return new Tensor(result, image.shape);
}

/** An image reduced by a whole factor, bicubic with antialiasing, as the datasets of super-resolution are made; its size must be a multiple. */
export function reduce(image: Tensor, factor: number): Tensor {
  const [, , h, w] = image.shape;
  return resize(image, [h / factor, w / factor], "clean");
}

/** An image enlarged by a whole factor, bicubic. */
export function enlarge(image: Tensor, factor: number): Tensor {
  const [, , h, w] = image.shape;
  return factor === 1 ? image : resize(image, [h * factor, w * factor], "clean");
}
