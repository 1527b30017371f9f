import type { Ops } from "../graph/ops.ts";
import type { Images } from "./definition.ts";
import { imageOptions } from "./image-options.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { choice, flag, integer, number } from "./options.ts";
import { makeWindow, windowCovariance, windowMean } from "./windows.ts";

/** The window and constants of SSIM, shared with MS-SSIM. */
export const ssimOptions = {
  window: choice(["gaussian", "uniform"], "gaussian", "how neighbours are weighed"),
  size: integer(11, "width of the window, in pixels", { min: 1, odd: true }),
  sigma: number(1.5, "standard deviation of the Gaussian window, in pixels", { above: 0 }),
  k1: number(0.01, "C1 = (k1 dataRange)^2", { above: 0 }),
  k2: number(0.03, "C2 = (k2 dataRange)^2", { above: 0 }),
};

interface SsimParameters {
  window: "gaussian" | "uniform";
  size: number;
  sigma: number;
  k1: number;
  k2: number;
  dataRange: number;
  region?: "valid" | "zero" | "reflect";
  covariance?: "population" | "sample";
  nonNegative?: boolean;
}

/**
 * The maps of SSIM and of its contrast-structure part, each [n, c, h', w'] (Wang et al. 2004, equations 13 and 14):
 * `ssim = (2 mx my + C1) / (mx^2 + my^2 + C1) * cs`, `cs = (2 sxy + C2) / (sx^2 + sy^2 + C2)`.
 */
export function ssimMaps<T>(o: Ops<T>, { output, target }: Images<T>, p: SsimParameters): { ssim: T; cs: T } {
  const [c1, c2] = [(p.k1 * p.dataRange) ** 2, (p.k2 * p.dataRange) ** 2];
  const window = makeWindow(p.window, p.size, p.sigma);
  const samples = p.size ** 2;
  const unbias = p.covariance === "sample" ? samples / (samples - 1) : 1;

  // Covariances do not depend on the level of an image, and are most exact around 0.
  const centred = (x: T) => {
    const padded = p.region === "zero" || p.region === "reflect" ? o.padWith(x, (p.size - 1) / 2, p.region) : x;
    const offset = o.stopGradient(o.mean(padded, "hw"));
    const values = o.sub(padded, offset);
    const mean = windowMean(o, values, window);
    return { pair: [values, mean] as const, mean: o.add(mean, offset) };
  };
  const [x, y] = [centred(output), centred(target)];
  const covariance = (a: typeof x, b: typeof x) => o.mul(windowCovariance(o, a.pair, b.pair, window), unbias);
  const [mx, my] = [x.mean, y.mean];
  const [sx, sy, sxy] = [covariance(x, x), covariance(y, y), covariance(x, y)];
  const signed = o.div(o.add(o.mul(sxy, 2), c2), o.add(o.add(sx, sy), c2));
  const cs = p.nonNegative ? o.relu(signed) : signed;
  const luminance = o.div(o.add(o.mul(o.mul(mx, my), 2), c1), o.add(o.add(o.square(mx), o.square(my)), c1));
  return { ssim: o.mul(luminance, cs), cs };
}

/** The window and constants as the kernels take them. */
export function kernelWindow({ window, size, sigma, k1, k2, dataRange }: SsimParameters) {
  return {
    window: window === "gaussian" ? { shape: window, size, sigma } : { shape: window, size },
    k1,
    k2,
    dataRange,
  };
}

/** The factor by which images are averaged down first; halves round to even, as in piq. */
function downsampleFactor(height: number, width: number): number {
  const ratio = Math.min(height, width) / 256;
  const rounded = Math.round(ratio);
  return Math.max(1, rounded - ratio === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded);
}

/**
 * Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004), mean over all windows and channels; 1 for identical images.
 *
 * The constants follow `dataRange`. A preset names whose numbers come out; every option can be set on top of it:
 *
 * | preset | window | where | covariance | equals |
 * |---|---|---|---|---|
 * | `wang` (default) | Gaussian 11, 1.5 | windows inside the image | population | pytorch_msssim `ssim`, BasicSR `calculate_ssim`, piq `downsample=False` |
 * | `wang-downsampled` | the same | after averaging down by round(min(h, w) / 256) | population | Wang's `ssim.m`, piq `downsample=True` |
 * | `skimage` | uniform 7 | inside | sample | scikit-image `structural_similarity` |
 * | `skimage-gaussian` | Gaussian 11, 1.5 | inside | population | scikit-image with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False` |
 * | `torchmetrics` | Gaussian 11, 1.5 | everywhere, reflected at the border | population | torchmetrics |
 * | `fused` | Gaussian 11, 1.5 | everywhere, zeros beyond the border | population | fused-ssim `padding="same"` |
 *
 * Higher is better: in a weighted sum it enters as `1 - ssim`. The map is the mean over channels, smaller than the image by `size - 1`
 * where windows stay inside.
 *
 * @throws {ReconlossError} `shape` for images smaller than the window
 * @example
 * ```ts
 * import { ssim, Tensor } from "reconloss";
 * const grey = Tensor.full([1, 3, 32, 32], 0.5);
 * await ssim().value(grey, grey); // 1
 * await ssim({ preset: "skimage", dataRange: 255 }).map(grey, grey); // Tensor 1x1x26x26 of ones
 * ```
 */
export const ssim = defineLoss({
  name: "ssim",
  summary: "structural similarity under a sliding window",
  better: "higher",
  offset: 1,
  source:
    "Wang et al. 2004, eq. 13; pytorch_msssim, scikit-image, torchmetrics, piq, fused-ssim: the preset says which",
  options: {
    preset: choice(
      ["wang", "wang-downsampled", "skimage", "skimage-gaussian", "torchmetrics", "fused"],
      "wang",
      "whose numbers come out",
    ),
    ...imageOptions,
    ...ssimOptions,
    region: choice(["valid", "zero", "reflect"], "valid", "windows inside the image, or everywhere with this border"),
    covariance: choice(["population", "sample"], "population", "divide by N or N - 1"),
    downsample: flag(false, "average down by round(min(h, w) / 256) first"),
    nonNegative: flag(false, "negative contrast-structure counts as 0"),
  },
  presets: {
    "wang-downsampled": { downsample: true },
    skimage: { window: "uniform", size: 7, covariance: "sample" },
    torchmetrics: { region: "reflect" },
    fused: { region: "zero" },
  },
  refuse: (options, shape) => {
    const { crop, size, region } = options;
    const factor = options.downsample ? downsampleFactor(shape[2] - 2 * crop, shape[3] - 2 * crop) : 1;
    const least = { valid: size * factor, reflect: (size + 1) / 2, zero: 1 }[region];
    return refuseImages(options, shape, [least, least]);
  },
  define: (options) => {
    const maps = <T>(o: Ops<T>, images: Images<T>): T => {
      const prepared = prepare(o, images, options);
      const [, , h, w] = o.dims(prepared.output) as readonly number[];
      const factor = options.downsample ? downsampleFactor(h, w) : 1;
      const shrink = (x: T) => (factor === 1 ? x : o.avgPool(x, factor));
      return ssimMaps(o, { output: shrink(prepared.output), target: shrink(prepared.target) }, options).ssim;
    };
    const { region, covariance, nonNegative } = options;
    const spec = { kind: "ssim", ...kernelWindow(options), region, covariance, nonNegative } as const;
    return {
      ...(options.downsample ? {} : { kernel: { spec, images: options } }),
      bySize: options.downsample,
      score: (o, images) => o.mean(maps(o, images), "chw"),
      map: (o, images) => o.mean(maps(o, images), "c"),
    };
  },
});
