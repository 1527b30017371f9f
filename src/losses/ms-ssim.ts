import type { Ops } from "../graph/ops.ts";
import { imageOptions } from "./image-options.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { choice } from "./options.ts";
import { kernelWindow, ssimMaps, ssimOptions } from "./ssim.ts";

/** The exponent of each scale, finest first (Wang, Simoncelli, Bovik 2003, section 3.2). */
export const msSsimWeights: readonly number[] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/** `x^exponent` for x > 0, else 0, with a gradient that is finite everywhere. */
function positivePower<T>(o: Ops<T>, x: T, exponent: number): T {
  return o.where(o.greater(x, 0), o.power(o.maximum(x, 1e-12), exponent), 0);
}

/** Half the size, by means over 2x2 pixels; what an odd side is continued with is the convention of one implementation or another. */
function halve<T>(o: Ops<T>, x: T, odd: "zero" | "replicate"): T {
  const [, , h, w] = o.dims(x) as readonly number[];
  if (odd === "zero") return o.avgPool(x, 2, { padding: [h % 2, w % 2] });
  const before = Math.max(h % 2, w % 2);
  return o.avgPool(o.padWith(x, { top: before, left: before, bottom: 0, right: 0 }, "replicate"), 2);
}

/**
 * Multi-scale structural similarity (Wang, Simoncelli, Bovik 2003): the product of contrast-structure over five scales and of SSIM at the
 * coarsest, each to its exponent, per channel; then the mean over channels. 1 for identical images.
 *
 * Negative means count as 0. The gradient is finite everywhere, unlike the originals' at 0. `preset=pytorch-msssim` (default) continues odd sides with
 * zeros before halving, `preset=piq` repeats the first row and column. Higher is better: in a weighted sum it enters as `1 - ms-ssim`.
 *
 * @throws {ReconlossError} `shape` for images whose shorter side is less than 16 (size - 1) + 1 pixels (161 with the default window)
 * @example
 * ```ts
 * import { msSsim, Tensor } from "reconloss";
 * const grey = Tensor.full([1, 1, 176, 176], 0.5);
 * await msSsim().value(grey, grey); // 1
 * ```
 */
export const msSsim = defineLoss({
  name: "ms-ssim",
  summary: "structural similarity over five scales",
  better: "higher",
  offset: 1,
  source: "Wang, Simoncelli, Bovik 2003, eq. 7; pytorch_msssim, ms_ssim; piq, multi_scale_ssim (preset=piq)",
  options: {
    preset: choice(["pytorch-msssim", "piq"], "pytorch-msssim", "whose numbers come out"),
    ...imageOptions,
    ...ssimOptions,
    odd: choice(["zero", "replicate"], "zero", "what odd sides are continued with before halving"),
  },
  presets: { piq: { odd: "replicate" } },
  refuse: (options, shape) => {
    const least = (options.size - 1) * 2 ** (msSsimWeights.length - 1) + 1;
    return refuseImages(options, shape, [least, least]);
  },
  define: (options) => ({
    bySize: true,
    kernel: {
      spec: { kind: "ms-ssim", ...kernelWindow(options), weights: msSsimWeights, odd: options.odd },
      images: options,
    },
    score: <T>(o: Ops<T>, images: Parameters<typeof prepare<T>>[1]): T => {
      let { output, target } = prepare(o, images, options);
      const last = msSsimWeights.length - 1;
      let product: T | undefined;
      for (const [scale, exponent] of msSsimWeights.entries()) {
        const { ssim, cs } = ssimMaps(o, { output, target }, options);
        const factor = positivePower(o, o.mean(scale === last ? ssim : cs, "hw"), exponent);
        product = product === undefined ? factor : o.mul(product, factor);
        if (scale < last) [output, target] = [halve(o, output, options.odd), halve(o, target, options.odd)];
      }
      return o.mean(product as T, "c");
    },
  }),
});
