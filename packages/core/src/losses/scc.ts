import { type Images, sides } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { integer } from "../definitions/options.ts";
import { weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { makeWindow, windowCovariance, windowMean } from "./windows.ts";

/**
 * Eight times each pixel less its eight neighbours, the border mirrored. As second differences along each axis, across and of both, `3 Lh + 3 Lw - Lh Lw`, so that flat areas give exactly 0.
 */
function highPass<T>(o: Ops<T>, x: T): T {
  const channels = o.channels(x);
  const second = (image: T, [h, w]: readonly [number, number]) => {
    const weights = Array.from({ length: channels }, () => [-1, 2, -1]).flat();
    return o.conv2d(image, o.constant(weights, [channels, 1, h, w]), { groups: channels });
  };
  const padded = o.padWith(x, 1, "replicate");
  const down = second(padded, [3, 1]);
  const across = second(o.slice(padded, "h", 1, -1), [1, 3]);
  const both = second(down, [1, 3]);
  return o.sub(o.mul(o.add(o.slice(down, "w", 1, -1), across), 3), both);
}

/**
 * Spatial correlation coefficient (Zhou, Civco, Silander 1998): the correlation of the high-passed images (8 in the middle, -1 around it) under a uniform window at every pixel,
 * mean over pixels and channels. 1 for identical images without flat areas, in [-1, 1]; higher is better. Equals torchmetrics `spatial_correlation_coefficient`.
 *
 * Windows reach `floor(size / 2)` before their pixel, over zeros beyond the border. A window where either image is flat after the filter has no correlation, and counts as 0, also where both are the same. The
 * gradient is 0 there. The map is the mean over channels. A window's weight is that of its pixel.
 *
 * @throws {ReconlossError} `shape` for images smaller than the window
 * @example
 * ```ts
 * import { scc, Tensor } from "@reconloss/core";
 * const noise = Tensor.from(Float32Array.from({ length: 256 }, (_, i) => ((i * i) % 97) / 97), [1, 1, 16, 16]);
 * await scc().value(noise, noise); // 1
 * ```
 */
export const scc = defineLoss({
  name: "scc",
  summary: "spatial correlation coefficient of high-passed images",
  formula: "mean over windows of sxy / (sx sy) of high-passed images",
  use: "For pansharpening: whether fine detail is where it should be. Blind to level and contrast.",
  better: "higher",
  offset: 1,
  source: "Zhou, Civco, Silander 1998; torchmetrics, spatial_correlation_coefficient",
  options: {
    ...imageOptions,
    size: integer(8, "size of the window, in pixels", { min: 2 }),
  },
  refuse: (options, shape) => refuseImages(options, shape, [options.size, options.size]),
  units: () => ({ degree: 0 }),
  define: (options) => {
    const { size, crop, dataRange } = options;
    const window = makeWindow("uniform", [size, size], [1, 1]);
    const [before, after] = [size >> 1, (size - 1) >> 1];
    const correlation = <T>(o: Ops<T>, { output, target }: Images<T>): T => {
      const [x, y] = [output, target].map((image) => {
        const filtered = highPass(o, o.div(image, dataRange));
        const padded = o.pad(filtered, { top: before, left: before, bottom: after, right: after });
        return [padded, windowMean(o, padded, window)] as const;
      });
      const deviation = (pair: typeof x) => o.root(windowCovariance(o, pair, pair, window));
      const product = o.mul(deviation(x), deviation(y));
      const counts = o.greater(product, 0);
      return o.where(counts, o.div(windowCovariance(o, x, y, window), o.where(counts, product, 1)), 0);
    };
    return {
      mapBorder: sides(crop),
      score: (o, images) => {
        const prepared = prepare(o, images, options);
        return weightedMean(o, correlation(o, prepared), prepared.weight, "chw");
      },
      map: (o, images) => o.mean(correlation(o, prepare(o, images, options)), "c"),
    };
  },
});
