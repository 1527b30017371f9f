import type { Tensor } from "../tensor.ts";
import type { KernelModule } from "./modules.ts";

/**
 * Interleaved pixels as a decoder gives them: 8 bits a sample (value / 255) or 16 bits (value / 65535).
 * `data.length` is height * width * step.
 */
export interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray | Uint16Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Samples from one pixel to the next, of which the first `channels` are read: 4 for the RGB of RGBA. Default: `channels`. */
  readonly step?: number;
}

/** The images of a kernel: a batch of float32 planes or one image of interleaved pixels. */
export type KernelImage = Tensor | Pixels;

/** mean |d|, mean d^2 or mean sqrt(d^2 + epsilon^2), with d = output - target. */
export type PointwiseSpec =
  | { readonly kind: "l1" }
  | { readonly kind: "mse" }
  | { readonly kind: "charbonnier"; readonly epsilon: number };

/** Total variation of the output; no target. */
export interface VariationSpec {
  readonly kind: "tv";
  readonly form: "anisotropic" | "squared" | "isotropic";
  /**
   * `mean`: the mean of horizontal terms plus the mean of vertical terms, each over its own count (isotropic: over all pixels).
   * `sum`: sums instead of means; `channel-sum`: the mean of the channels' sums.
   */
  readonly reduction: "mean" | "sum" | "channel-sum";
  /** Isotropic only: sqrt(dx^2 + dy^2 + epsilon^2). Default 0. */
  readonly epsilon?: number;
}

/** Mean error of the output's first derivatives against the target's, with the border repeated. */
export interface SobelSpec {
  readonly kind: "sobel";
  /** `derivative`: each direction by itself. `magnitude`: their length sqrt(gx^2 + gy^2 + epsilon^2). */
  readonly form: "derivative" | "magnitude";
  /** Central differences smoothed by 1 2 1, or alone. */
  readonly mode: "sobel" | "diff";
  /** Divide by the sum of the sizes of the weights. */
  readonly normalized: boolean;
  readonly distance: "l1" | "mse";
  /** Magnitude only. Default 0. */
  readonly epsilon?: number;
}

/** mean sqrt(d^2 + epsilon^2), with d the Laplacian, what is left beyond one level of a Gaussian pyramid, of output - target. */
export interface EdgeSpec {
  readonly kind: "edge";
  readonly epsilon: number;
}

/**
 * One less the similarity (2 - masking) a b + constant / (a^2 + b^2 - masking a b + constant) of the lengths a and b of the gradients (Prewitt) of two planes in 8-bit levels, with zeros beyond
 * the border. Its sums are of the dissimilarities and of their squares.
 */
export interface SimilaritySpec {
  readonly kind: "similarity";
  readonly constant: number;
  readonly masking: number;
  /** The gradient is that of the sum of factor / 2 (dissimilarity - mean)^2. */
  readonly slopes?: { readonly mean: number; readonly factor: number };
}

/** Structural similarity with a separable window of odd size. */
export interface SsimSpec {
  readonly kind: "ssim";
  readonly window: { readonly shape: "gaussian"; readonly size: number; readonly sigma: number } | UniformWindow;
  /** The windows that count: whole ones, or one per pixel with zeros, the mirrored image (edge not repeated) or its edge again and again around it. */
  readonly region: "valid" | "zero" | "reflect" | "replicate";
  /** Divide by N, or by N - 1 with N = size^2. */
  readonly covariance: "population" | "sample";
  readonly k1: number;
  readonly k2: number;
  /** The data range L of C1 = (k1 L)^2 and C2 = (k2 L)^2. */
  readonly dataRange: number;
  /** Count a negative contrast-structure term as 0. Default false. */
  readonly nonNegative?: boolean;
  /** `score`: luminance * contrast-structure (default). `contrast`: contrast-structure alone. */
  readonly term?: "score" | "contrast";
}

/**
 * Structural similarity under every fourth uniform window of 8x8 pixels, down and across, from the first pixel on. Of images of 8 bits a sample alone (with up to 4 samples from pixel to pixel), in whole
 * numbers; without gradient, map and weight.
 */
export interface SsimBlocksSpec extends Pick<SsimSpec, "covariance" | "k1" | "k2" | "dataRange"> {
  readonly kind: "ssim-blocks";
}

/** A box window: every pixel weighs 1 / size^2. */
export interface UniformWindow {
  readonly shape: "uniform";
  readonly size: number;
}

/** Colour difference of sRGB images in CIE L*a*b* (D65), mean over pixels; 3 channels, or 1 for grey. The target is CIE94's reference colour. */
export interface DeltaESpec {
  readonly kind: "deltaE";
  /** `lab-mse`: mean square over the three Lab channels. */
  readonly formula: "76" | "94" | "2000" | "lab-mse";
  /** The value of white; images are divided by it and limited to [0, 1]. */
  readonly dataRange: number;
}

/** Planes of a linear colour space, averaged over squares of pixels. */
export interface PlanesSpec {
  /** Means are over squares of so many pixels, the image continued with zeros: (factor - 1) >> 1 before it. */
  readonly factor: number;
  /** Whether squares are those that the image fills, from its top left corner on, instead. */
  readonly whole?: boolean;
  /** The weights of each plane: of green, or grey, and of what red and blue exceed green by. */
  readonly rows: readonly (readonly [whole: number, red: number, blue: number])[];
}

/** Averaged planes of an image as a map; it has no sums. */
export interface AveragesSpec extends PlanesSpec {
  readonly kind: "averages";
}

/** The gradient with respect to an image from that with respect to its averaged planes, which are the weights. It has no sums. */
export interface SpreadingSpec extends PlanesSpec {
  readonly kind: "spreading";
}

/** HaarPSI; 3 channels, or 1 for grey, whose planes are the first row alone. */
export interface HaarPsiSpec extends PlanesSpec, Pick<HaarSpec, "constant" | "alpha"> {
  readonly kind: "haarpsi";
}

/** Similarities of Haar coefficients of planes in 8-bit levels: a luma, or that and two planes of colour. */
export interface HaarSpec {
  readonly kind: "haar";
  readonly constant: number;
  /** The slope of the logistic function. */
  readonly alpha: number;
  /** The gradient is that of factor times the sum of weights times what the logistic function exceeds its least value by, less the mean of that. */
  readonly slopes?: { readonly mean: number; readonly factor: number };
}

/** MDSI with a sum of similarities and a mean of order 1; 3 channels, or 1 for grey, which counts as three equal ones. Images are averaged down by round(shorter side / 256). */
export interface MdsiSpec extends Pick<PlanesSpec, "rows">, Omit<ChromaticSpec, "kind" | "slopes"> {
  readonly kind: "mdsi";
  /** The exponent of the mean deviation. */
  readonly o: number;
}

/**
 * Powers, less 1, of a sum of similarities of the gradients of a luma (of output, target and their mean) and of two planes of colour, in 8-bit levels. The map is of what sums lack of 1, negative, and of the real and the imaginary parts of
 * their powers, whose sums are its sums; gradients are those of the powers' mean deviation, of which these planes are the weights.
 */
export interface ChromaticSpec {
  readonly kind: "chromatic";
  readonly c1: number;
  readonly c2: number;
  readonly c3: number;
  /** The share of gradients; colours have the rest. */
  readonly alpha: number;
  /** The exponent. */
  readonly q: number;
  /** The mean of powers, each part in two summands that float32 holds, that of the directions of deviations, and the factor of their lengths. */
  readonly slopes?: {
    readonly means: readonly [re: number, reRest: number, im: number, imRest: number];
    readonly along: readonly [re: number, im: number];
    readonly factor: number;
  };
}

/** FSIM; 3 channels, or 1 for grey. Images are averaged down by round(shorter side / 256). */
export interface FsimSpec extends Pick<PlanesSpec, "rows" | "whole">, Pick<PhaseSpec, "scales" | "orientations"> {
  readonly kind: "fsim";
  /** The rounding of halves. */
  readonly halves: "to even" | "up";
  /** The constants of the similarities of phase congruencies and of gradients, in squared 8-bit levels. */
  readonly congruency: number;
  readonly gradient: number;
  /** The similarities of two planes of colour, whose product has a power; default: none is compared, and `rows` is of a luma alone. */
  readonly colours?: {
    readonly constants: readonly [number, number];
    readonly exponent: number;
    /** The power of a negative product: of its absolute value, or the real part of its complex one. */
    readonly negative: "absolute" | "complex";
  };
}

/** The factors and filters of transforms of one size, as the kernels read them, in memory that all threads see where the host has it. */
export interface PhaseTables {
  /** The plans of transforms of columns and of rows. */
  readonly planH: Uint8Array;
  readonly planW: Uint8Array;
  /** The radial parts of the filters, four wavelengths side by side, with the divisor of inverse transforms. */
  readonly radial: Float32Array;
  readonly spread: readonly Float32Array[];
  readonly thresholds: readonly number[];
}

/** Waves of several wavelengths in several directions, of coefficients of a plane, column by column: what agrees in phase and what there is at all. */
export interface PhaseSpec {
  readonly kind: "phase";
  /** The numbers of wavelengths, 4 at most, and of directions. */
  readonly scales: number;
  readonly orientations: number;
  /** Those of its planes' size. */
  readonly tables: PhaseTables;
  /** The median amplitudes of the shortest waves of each direction. Then there is a target, slopes by what agrees and by amplitudes, and the map has the coefficients of slopes by the plane. */
  readonly medians?: readonly number[];
}

/** Visual information fidelity in the pixel domain, summed over scales, each every second place of the means of the one before. */
export interface VifSpec extends Omit<InformationSpec, "kind" | "window"> {
  readonly kind: "vif";
  /** The plane that is compared, of 3 channels, or 1 for grey; default: each channel by itself. */
  readonly luma?: Mixing;
  /** The window's weights along either axis of each scale, symmetric, of odd length, sum 1. */
  readonly windows: readonly (readonly number[])[];
}

/** Information about the target under a window. Its sums, and the gradient, are not divided by anything. */
export interface InformationSpec {
  readonly kind: "information";
  readonly window: readonly number[];
  /** The variance of the eye's noise. */
  readonly noise: number;
  /** The variance of flat windows. */
  readonly least: number;
}

/** A kernel that is one pass over horizontal strips of each image. */
export type PassSpec = PointwiseSpec | VariationSpec | SobelSpec | EdgeSpec | SsimSpec | SsimBlocksSpec | DeltaESpec;

/** A kernel that works on horizontal strips of one image. */
export type StripSpec =
  | PassSpec
  | SimilaritySpec
  | AveragesSpec
  | SpreadingSpec
  | MixingSpec
  | HalvingSpec
  | UnhalvingSpec
  | HaarSpec
  | ChromaticSpec
  | InformationSpec
  | PhaseSpec
  | Ssimulacra2ScaleSpec;

/** Channels, height, width. */
export type Planes = readonly [channels: number, height: number, width: number];

/** Multi-scale structural similarity: contrast-structure at every scale, the whole of SSIM at the coarsest. */
export interface MsSsimSpec extends Pick<SsimSpec, "window" | "k1" | "k2" | "dataRange" | "nonNegative"> {
  readonly kind: "ms-ssim";
  /** The exponent of each scale, finest first. */
  readonly weights: readonly number[];
  /**
   * The continuation of odd sides before halving: zeros at both ends (pytorch_msssim), the first row and column again (piq), the last ones again
   * (msssim.m, TensorFlow); or the last row and column are left out (torchmetrics).
   */
  readonly odd: "zero" | "replicate" | "symmetric" | "drop";
  /** The windows of the coarsest scale that count. Default `valid`, as at the finer ones. */
  readonly region?: SsimSpec["region"];
  /** The reading of negative means: 0 (default), or every mean m is (m + 1) / 2. */
  readonly normalize?: "relu" | "simple";
  /** The factors of the product over scales: the means of each channel, whose mean is the score (default), or the means over channels. */
  readonly product?: "channel" | "image";
}

/**
 * Gradient magnitude similarity deviation: the root of the weighted sum over scales of the variance of {@link SimilaritySpec}'s dissimilarity of the lumas, each scale half the size of the one
 * before. Three channels, or 1 for grey.
 */
export interface GmsdSpec extends Pick<SimilaritySpec, "constant" | "masking"> {
  readonly kind: "gmsd";
  readonly luma: Mixing;
  /** The weight of each scale's variance, finest first. */
  readonly weights: readonly number[];
  /** The continuation of odd sides, at their end, before halving: zeros, or the last row and column are left out. */
  readonly odd: "zero" | "drop";
  /** Variances divide by N or N - 1. */
  readonly deviation: "population" | "sample";
}

/** SSIMULACRA 2's weighted sum of errors; 3 channels, or 1 for grey. */
export interface Ssimulacra2Spec {
  readonly kind: "ssimulacra2";
  /** The value of white; images are divided by it. */
  readonly dataRange: number;
  /** The window's nine weights along either axis, symmetric. */
  readonly window: readonly number[];
  /** The weights of every scale, finest first, for images of one scale, of two, and so on. */
  readonly weights: readonly (readonly Ssimulacra2Weights[])[];
}

/** The weights of the errors of a scale: of the errors of structure of three planes, of edges that the target has not, of those that the output has lost. */
export interface Ssimulacra2Weights {
  readonly means: readonly number[];
  /** Of norms of order 4. */
  readonly norms: readonly number[];
}

/** One scale. */
export interface Ssimulacra2ScaleSpec extends Ssimulacra2Weights {
  readonly kind: "ssimulacra2-scale";
  readonly window: readonly number[];
  /** The value of white of the finest scale, whose images are samples; those of others are linear light. */
  readonly dataRange?: number;
  /** The means of fourth powers of all errors, which the gradient needs. */
  readonly fourths?: readonly number[];
}

/** One plane of three, or of one for grey, whose weights add up. */
export interface Mixing {
  /** The weight of each channel. */
  readonly weights: readonly number[];
  readonly offset: number;
}

/** The plane that channels are mixed to, as a map; it has no sums. */
export interface MixingSpec {
  readonly kind: "mixing";
  readonly mixing: Mixing;
}

/** Images of half the size, by means over 2x2 pixels, as a map; it has no sums. */
export interface HalvingSpec {
  readonly kind: "halving";
  /** The continuation of odd sides: as {@link MsSsimSpec.odd} has it, or zeros after the last row and column. */
  readonly odd: MsSsimSpec["odd"] | "zero after";
  /** The one plane that channels are mixed to. Default: all of them. */
  readonly mixing?: Mixing;
  /** The value of white of samples of which linear light is halved. Default: what is read is halved. */
  readonly dataRange?: number;
}

/** scales * target + the shares of the gradient of the halved image, which is the weights; where either is absent, 0. It has no sums. */
export interface UnhalvingSpec extends Pick<HalvingSpec, "odd"> {
  readonly kind: "unhalving";
  /** The factor of each channel of the target. */
  readonly scales: readonly number[];
  /** The factor of each channel's share. Default 1. */
  readonly shares?: readonly number[];
}

/** Any kernel. */
export type KernelSpec =
  | PassSpec
  | MsSsimSpec
  | GmsdSpec
  | HaarPsiSpec
  | MdsiSpec
  | VifSpec
  | FsimSpec
  | Ssimulacra2Spec;

/** A kernel as definitions name it; the rest is known to what evaluates it. */
export interface KernelReference {
  /** The modules that it runs on. */
  readonly modules: readonly KernelModule[];
}
