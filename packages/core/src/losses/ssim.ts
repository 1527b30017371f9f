import { type Images, type Sides, sides } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { bothAxes, choice, flag, integer, number, perAxis } from "../definitions/options.ts";
import { weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { downsampleFactor } from "../kernels/downsampling.ts";
import { ssim as kernel } from "../kernels/ssim.ts";
import { ssimBlocks } from "../kernels/ssim-blocks.ts";
import { leastSide } from "../kernels/windows.ts";

import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { makeWindow, windowCovariance, windowMean } from "./windows.ts";

/** The windows that count: those inside the image, or one around every pixel, the image continued beyond its border. */
export const regions = ["valid", "zero", "reflect", "replicate"] as const;
type Region = (typeof regions)[number];

/** The window and constants of SSIM, shared with MS-SSIM. */
export const ssimOptions = {
  window: choice(["gaussian", "uniform"], "gaussian", "how neighbours are weighed"),
  size: perAxis(11, "size of the window, in pixels", { min: 1, whole: true }),
  sigma: perAxis(1.5, "standard deviation of the Gaussian window, in pixels", { above: 0 }),
  k1: number(0.01, "C1 = (k1 dataRange)^2", { min: 0 }),
  k2: number(0.03, "C2 = (k2 dataRange)^2", { min: 0 }),
};

interface SsimParameters {
  window: "gaussian" | "uniform";
  size: number | string;
  sigma: number | string;
  k1: number;
  k2: number;
  dataRange: number;
  region?: Region;
  covariance?: "population" | "sample";
  stride?: number;
  volume?: boolean;
  nonNegative?: boolean;
}

/** The bounds below which a number counts as 0 where no constant keeps a quotient from 0 / 0: means relative to the data range, variances relative to mean squares. */
const negligible = { mean: 1e-6, variance: 1e-6 };

/** The quotient of two values, a constant added to both; 1, its limit as the constant goes to 0, where there is no constant and the divisor is at most `least`. */
function quotient<T>(o: Ops<T>, numerator: T, divisor: T, constant: number, least: () => T | number): T {
  if (constant > 0) return o.div(o.add(numerator, constant), o.add(divisor, constant));
  const counts = o.greater(divisor, least());
  return o.where(counts, o.div(numerator, o.where(counts, divisor, 1)), 1);
}

/** The extent of a window above, below, left and right of its pixel. A window of even size has its pixel left of and above the middle, as in MATLAB. */
export function windowReach(size: number | string) {
  const [height, width] = bothAxes(size);
  const [top, left] = [(height - 1) >> 1, (width - 1) >> 1];
  return { top, left, bottom: height - 1 - top, right: width - 1 - left };
}

/** The pixels that are no window's. */
export function mapBorder({ crop, size, region }: { crop: number; size: number | string; region: Region }): Sides {
  if (region !== "valid") return sides(crop);
  const { top, bottom, left, right } = windowReach(size);
  return { top: crop + top, bottom: crop + bottom, left: crop + left, right: crop + right };
}

/** The weight of each window: that of its pixel. */
export function windowWeight<T>(o: Ops<T>, weight: T, size: number | string, region: Region, stride = 1): T {
  const some = (x: T) => (stride === 1 ? x : o.avgPool(x, 1, { stride }));
  if (region !== "valid") return some(weight);
  const { top, bottom, left, right } = windowReach(size);
  const inner = (x: T, axis: "h" | "w", before: number, after: number) =>
    o.slice(x, axis, before, after === 0 ? undefined : -after);
  return some(inner(inner(weight, "h", top, bottom), "w", left, right));
}

/** The mean over channels under a window whose middle is each channel, the first and last repeated beyond them: a product with one matrix. */
function channelMean<T>(o: Ops<T>, x: T, weights: Float64Array): T {
  const channels = o.channels(x);
  const middle = (weights.length - 1) >> 1;
  const matrix = new Float64Array(channels * channels);
  for (let row = 0; row < channels; row++) {
    for (const [k, weight] of weights.entries()) {
      matrix[row * channels + Math.min(channels - 1, Math.max(0, row + k - middle))] += weight;
    }
  }
  return o.conv2d(x, o.constant(matrix, [channels, channels, 1, 1]));
}

/**
 * The maps of SSIM and of its two factors, each [n, c, h', w'] (Wang et al. 2004, equations 13 and 14): `ssim = luminance * cs`,
 * `luminance = (2 mx my + C1) / (mx^2 + my^2 + C1)`, `cs = (2 sxy + C2) / (sx^2 + sy^2 + C2)`. A factor without constant is 1 where it is 0 / 0.
 */
export function ssimMaps<T>(
  o: Ops<T>,
  { output, target }: Images<T>,
  p: SsimParameters,
): Record<"ssim" | "luminance" | "cs", T> {
  const [c1, c2] = [(p.k1 * p.dataRange) ** 2, (p.k2 * p.dataRange) ** 2];
  const [height, width] = bothAxes(p.size);
  const window = { ...makeWindow(p.window, [height, width], bothAxes(p.sigma)), stride: p.stride };
  const samples = height * width * (p.volume ? height : 1);
  // A window of one pixel has no variance.
  const population = samples > 1 ? 1 : 0;
  const unbias = p.covariance === "sample" && samples > 1 ? samples / (samples - 1) : population;
  const { region = "valid" } = p;

  // Covariances do not depend on the level of an image, and are most exact around 0.
  const overChannels = (x: T) => (p.volume ? channelMean(o, x, window.rows) : x);
  const centred = (x: T) => {
    const padded = region === "valid" ? x : o.padWith(x, windowReach(p.size), region);
    const offset = o.stopGradient(o.mean(padded, p.volume ? "chw" : "hw"));
    const values = o.sub(padded, offset);
    const flat = windowMean(o, values, window);
    const about = overChannels(flat);
    return { pair: [values, flat] as const, about, mean: o.add(about, offset) };
  };
  const [x, y] = [centred(output), centred(target)];
  const covariance = (a: typeof x, b: typeof x) => {
    const flat = windowCovariance(o, a.pair, b.pair, window);
    if (!p.volume) return o.mul(flat, unbias);
    // Within channels, and between the means of channels.
    const products = overChannels(o.add(flat, o.mul(a.pair[1], b.pair[1])));
    return o.mul(o.sub(products, o.mul(a.about, b.about)), unbias);
  };
  const [sx, sy, sxy] = [covariance(x, x), covariance(y, y), covariance(x, y)];
  const variances = o.add(sx, sy);
  const signed = quotient(o, o.mul(sxy, 2), variances, c2, () => {
    const squares = o.add(o.square(x.about), o.square(y.about));
    return o.mul(o.add(variances, squares), negligible.variance);
  });
  const cs = p.nonNegative ? o.relu(signed) : signed;
  const power = o.add(o.square(x.mean), o.square(y.mean));
  const product = o.mul(o.mul(x.mean, y.mean), 2);
  const luminance = quotient(o, product, power, c1, () => (negligible.mean * p.dataRange) ** 2);
  return { ssim: o.mul(luminance, cs), luminance, cs };
}

/** The window and constants as the kernels take them; `undefined` for those that only the definition has: windows that are not square or odd, or reach over channels, and constants of 0. */
export function kernelWindow({ window, size, sigma, k1, k2, dataRange, volume }: SsimParameters) {
  if (volume || typeof size === "string" || typeof sigma === "string" || size % 2 === 0 || k1 === 0 || k2 === 0)
    return undefined;
  const shape = window === "gaussian" ? { shape: window, size, sigma } : { shape: window, size };
  return { window: shape, k1, k2, dataRange };
}

/** The windows of ffmpeg, in blocks of 4x4 pixels, as a kernel takes them; undefined for all others. */
function blocksOf(options: SsimParameters & { channels: string; part: string }) {
  const { window, size, stride, region, volume, nonNegative, part, channels, covariance = "population" } = options;
  const areBlocks = window === "uniform" && size === 8 && stride === 4 && region === "valid";
  if (!areBlocks || volume || nonNegative || part === "cs" || channels !== "rgb") return undefined;
  const { k1, k2, dataRange } = options;
  return { kind: "ssim-blocks", covariance, k1, k2, dataRange } as const;
}

/** The constants of ffmpeg, which are whole numbers of sums over 64 pixels of 8 bits: the first should be of the squares of sums, 64 times as large. */
const ffmpegConstants = { k1: Math.sqrt(416) / (64 * 255), k2: Math.sqrt(235963 / (64 * 63)) / 255 };

/** The size of a Gaussian window as some implementations take it from sigma, in pixels to either side, by preset. */
const radii: Readonly<Record<string, (sigma: number) => number>> = {
  torchmetrics: (sigma) => Math.floor(3.5 * sigma + 0.5),
  skimage: (sigma) => Math.floor(3.5 * sigma + 0.5),
  "skimage-gaussian": (sigma) => Math.floor(3.5 * sigma + 0.5),
  matlab: (sigma) => Math.ceil(3 * sigma),
};

/** The size of the window where none is given. */
export function defaultSize(preset: string, { window, sigma }: Pick<SsimParameters, "window" | "sigma">) {
  if (window === "uniform") return { size: preset === "skimage" ? 7 : 11 };
  if (!Object.hasOwn(radii, preset)) return {};
  const [height, width] = bothAxes(sigma).map((value) => 2 * radii[preset](value) + 1);
  return { size: height === width ? height : `${height}:${width}` };
}

/** The factor by which images are averaged down first. */
function factorOf(height: number, width: number, rule: "none" | "piq" | "ssim.m"): number {
  return rule === "none" ? 1 : downsampleFactor(height, width, rule === "piq" ? "to even" : "up");
}

/** Means over squares, side by side: whole ones from the first pixel on, or around every `factor`-th pixel of the image mirrored at its border. */
function shrink<T>(o: Ops<T>, x: T, factor: number, rule: "none" | "piq" | "ssim.m"): T {
  if (factor === 1) return x;
  if (rule === "piq") return o.avgPool(x, factor);
  const [, , h, w] = o.dims(x) as readonly number[];
  const { top } = windowReach(factor);
  const after = (side: number) => Math.max(0, Math.ceil(side / factor) * factor - side - top);
  return o.avgPool(o.padWith(x, { top, left: top, bottom: after(h), right: after(w) }, "symmetric"), factor);
}

/**
 * Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004), mean over all windows and channels; 1 for identical images.
 *
 * The constants follow `dataRange`. A preset names whose numbers come out; every option can be set on top of it:
 *
 * | preset | window | where | covariance | equals |
 * |---|---|---|---|---|
 * | `wang` (default) | Gaussian 11, 1.5 | windows inside the image | population | pytorch_msssim `ssim`, TensorFlow `tf.image.ssim`, BasicSR `calculate_ssim`, piq `downsample=False` |
 * | `ssim.m` | the same | after averaging down by round(min(h, w) / 256), the image mirrored at its border | population | Wang's `ssim.m` on grey images |
 * | `piq` | the same | after averaging down by round(min(h, w) / 256), halves to even, whole squares only | population | piq `downsample=True`, its default |
 * | `pyiqa` | the same, on `y-matlab` | inside; negative contrast-structure counts as 0 | population | IQA-PyTorch `ssim` |
 * | `matlab` | Gaussian 2 ceil(3 sigma) + 1, 1.5 | everywhere, the border repeated | population | `ssim` of MATLAB's Image Processing Toolbox, each channel by itself; with `volume`, as it takes colour images by default |
 * | `skimage` | uniform 7, or Gaussian 2 floor(3.5 sigma + 0.5) + 1 | inside | sample | scikit-image `structural_similarity` |
 * | `skimage-gaussian` | Gaussian 2 floor(3.5 sigma + 0.5) + 1, 1.5 | inside | population | scikit-image with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False` |
 * | `torchmetrics` | Gaussian 2 floor(3.5 sigma + 0.5) + 1, 1.5 | everywhere, reflected at the border | population | torchmetrics |
 * | `ffmpeg` | uniform 8, every fourth down and across | inside | sample | ffmpeg's filter `ssim` of planes of 8 bits, to its printed digits (libavfilter/vf_ssim.c): its first constant is 64 times smaller |
 * | `fused` | Gaussian 11, 1.5 | everywhere, zeros beyond the border | population | fused-ssim `padding="same"` |
 *
 * `stride` looks at every so many-th window along either axis, the first among them. `size` and `sigma` take one number, or `height:width`. Where a constant is 0, its factor counts as 1 in windows where it would be 0 / 0: means below
 * 1e-6 `dataRange` (`k1=0`), variances below 1e-6 of the mean square about the image's mean (`k2=0`).
 *
 * With `volume`, the channels are slices of a volume, whose windows are as deep as high; the first and last slice are repeated. That is MATLAB's `ssim` of a colour image where `DataFormat` is not said,
 * and so of the scripts that deblurring papers are judged by (MPRNet's `evaluate_GOPRO_HIDE.m`), and the 3-D SSIM of NAFNet: `ssim(preset=matlab,volume=true)`.
 *
 * A window's weight is that of its pixel, the middle one: `ssim` under a mask of 0 and 1 is the mean of the map over the places that the mask has (as in mrpro's masked
 * SSIM), and windows at its edge see what lies beyond it. Where images are averaged down first, weights are too.
 *
 * Higher is better: in a weighted sum it enters as `1 - ssim`. The map is the mean over channels ([n, c, h, w] with `channelMaps`), smaller than the
 * image by `size - 1` where windows stay inside.
 *
 * @throws {ReconlossError} `shape` for images smaller than the window
 * @example
 * ```ts
 * import { ssim, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 32, 32], 0.5);
 * await ssim().value(grey, grey); // 1
 * await ssim({ preset: "skimage" }).map(grey, grey); // Tensor 1x1x26x26 of ones
 * await ssim({ size: "7:11", sigma: "1:1.5", part: "cs" }).value(grey, grey); // 1
 * ```
 */
export const ssim = defineLoss({
  name: "ssim",
  summary: "structural similarity under a sliding window",
  formula:
    "mean of (2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2)) over windows; m means, s (co)variances",
  use: "To judge whether structure is kept, beside PSNR; to train, in a sum with `l1`, which holds level and colour. Say whose convention: presets give different numbers.",
  better: "higher",
  offset: 1,
  source:
    "Wang et al. 2004, eq. 13; ssim.m, MATLAB, pytorch_msssim, scikit-image, torchmetrics, piq, pyiqa, fused-ssim, ffmpeg: the preset says which",
  options: {
    preset: choice(
      ["wang", "ssim.m", "piq", "pyiqa", "matlab", "skimage", "skimage-gaussian", "torchmetrics", "fused", "ffmpeg"],
      "wang",
      "whose numbers come out",
    ),
    ...imageOptions,
    ...ssimOptions,
    region: choice(regions, "valid", "windows inside the image, or everywhere with this border"),
    stride: integer(1, "pixels from window to window", { min: 1 }),
    covariance: choice(["population", "sample"], "population", "divide by N or N - 1"),
    downsample: choice(
      ["none", "piq", "ssim.m"],
      "none",
      "whether to average down by round(min(h, w) / 256) first, and whose rounding and border",
    ),
    nonNegative: flag(false, "negative contrast-structure counts as 0"),
    volume: flag(
      false,
      "windows are as deep as high and reach over channels, as MATLAB's ssim has it of a colour image",
    ),
    part: choice(["ssim", "cs"], "ssim", "all of it, or contrast-structure alone"),
    channelMaps: flag(false, "the map has every channel by itself"),
  },
  units: () => ({ degree: 0 }),
  presets: {
    "ssim.m": { downsample: "ssim.m" },
    piq: { downsample: "piq" },
    pyiqa: { channels: "y-matlab", nonNegative: true },
    matlab: { region: "replicate" },
    skimage: { window: "uniform", covariance: "sample" },
    torchmetrics: { region: "reflect" },
    fused: { region: "zero" },
    ffmpeg: { window: "uniform", size: 8, stride: 4, ...ffmpegConstants, covariance: "sample" },
  },
  defaultsOf: (options) => defaultSize(options.preset, options),
  refuse: (options, shape) => {
    const { crop, size, region, downsample } = options;
    const [h, w] = [shape[2] - 2 * crop, shape[3] - 2 * crop];
    const factor = factorOf(h, w, downsample);
    const partial = downsample === "ssim.m" ? factor - 1 : 0;
    const [height, width] = bothAxes(size).map((side) => leastSide(side, 1, "drop", region) * factor - partial);
    return refuseImages(options, shape, [height, width]);
  },
  define: (options) => {
    const { region, covariance, nonNegative, downsample, part, channelMaps, stride } = options;
    const maps = <T>(o: Ops<T>, images: Images<T>): { map: T; weight?: T } => {
      const { output, target, weight } = prepare(o, images, options);
      const [, , h, w] = o.dims(output) as readonly number[];
      const one = (x: T) => shrink(o, x, factorOf(h, w, downsample), downsample);
      return {
        map: ssimMaps(o, { output: one(output), target: one(target) }, options)[part],
        weight: weight && windowWeight(o, one(weight), options.size, region, stride),
      };
    };
    const window = downsample === "none" && stride === 1 ? kernelWindow(options) : undefined;
    const blocks = downsample === "none" ? blocksOf(options) : undefined;
    const term = part === "cs" ? "contrast" : "score";
    return {
      ...(window && {
        kernel: {
          kernel,
          spec: { kind: "ssim", ...window, region, covariance, nonNegative, term },
          images: options,
          weight: "of channels",
          border: region === "valid" ? windowReach(options.size).top : 0,
          withoutMap: channelMaps,
        },
      }),
      ...(blocks && { kernel: { kernel: ssimBlocks, spec: blocks, images: options, onlyBytes: true } }),
      bySize: downsample !== "none",
      mapBorder: downsample === "none" && stride === 1 && !channelMaps ? mapBorder(options) : undefined,
      score: (o, images) => {
        const { map, weight } = maps(o, images);
        return weightedMean(o, map, weight, "chw");
      },
      map: (o, images) => {
        const { map } = maps(o, images);
        return channelMaps ? map : o.mean(map, "c");
      },
    };
  },
});
