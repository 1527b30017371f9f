import { type Images, sides } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { choice, list, parseList } from "../definitions/options.ts";
import { weightedMean } from "../definitions/pixel-weights.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/** The low-pass filters of orthonormal wavelets, as PyWavelets' `dec_lo` (Daubechies 1992, tables 6.1 and 6.3). */
const lowPass = {
  haar: [Math.SQRT1_2, Math.SQRT1_2],
  db2: [-0.12940952255126037, 0.2241438680420134, 0.8365163037378079, 0.48296291314453416],
  db4: [
    -0.010597401785069032, 0.0328830116668852, 0.030841381835560764, -0.18703481171909309, -0.027983769416859854,
    0.6308807679298589, 0.7148465705529157, 0.2303778133088965,
  ],
  sym7: [
    0.002681814568257878, -0.0010473848886829163, -0.01263630340325193, 0.03051551316596357, 0.0678926935013727,
    -0.049552834937127255, 0.017441255086855827, 0.5361019170917628, 0.767764317003164, 0.2886296317515146,
    -0.14004724044296152, -0.10780823770381774, 0.004010244871533663, 0.010268176708511255,
  ],
  sym19: [
    5.487732768215838e-7, -6.463651303345963e-7, -1.1880518269823984e-5, 8.873312173729286e-6, 0.0001155392333357879,
    -4.612039600210587e-5, -0.000635764515004334, 0.00015915804768084938, 0.0021214250281823303, -0.0011607032572062486,
    -0.005122205002583014, 0.007968438320613306, 0.01579743929567463, -0.02265199337824595, -0.046635983534938946,
    0.0070155738571741596, 0.008954591173043624, -0.06752505804029409, 0.10902582508127781, 0.578144945338605,
    0.7195555257163943, 0.2582661692372836, -0.17659686625203097, -0.11624173010739675, 0.09363084341589714,
    0.08407267627924504, -0.016908234861345205, -0.02770989693131125, 0.004319351874894969, 0.008262236955528255,
    -0.0006179223277983108, -0.0017049602611649971, 0.00012930767650701415, 0.0002762187768573407,
    -1.6821387029373716e-5, -2.8151138661550245e-5, 2.0623170632395688e-6, 1.7509367995348687e-6,
  ],
} as const;

type Wavelet = keyof typeof lowPass;

/** The sub-bands of one level, smooth or differences down and across. */
interface Bands<T> {
  approximation: T;
  /** Smooth across, differences down: `LH`, PyWavelets' `cH`. */
  horizontal: T;
  /** Differences across, smooth down: `HL`, PyWavelets' `cV`. */
  vertical: T;
  diagonal: T;
}

/** Both filters of a wavelet, in the order in which they meet the pixels. */
function filtersOf(wavelet: Wavelet, normalization: "none" | "low-pass" | "both"): { low: number[]; high: number[] } {
  const low: readonly number[] = lowPass[wavelet];
  // A quadrature mirror: reversed, every other one negative.
  const high = low.toReversed().map((weight, i) => (i % 2 === 0 ? -weight : weight));
  const scaled = (weights: readonly number[], by: number) => weights.toReversed().map((weight) => weight * by);
  return {
    low: scaled(low, normalization === "none" ? 1 : Math.SQRT1_2),
    high: scaled(high, normalization === "both" ? Math.SQRT1_2 : 1),
  };
}

/** Every row or column under a filter with gaps of `spacing`, the image repeated beyond its border. */
function filtered<T>(o: Ops<T>, x: T, axis: "h" | "w", weights: readonly number[], spacing: number): T {
  const channels = o.channels(x);
  const half = (weights.length * spacing) / 2;
  const [before, after] = [half - spacing, half];
  const none = { top: 0, bottom: 0, left: 0, right: 0 };
  const around = axis === "h" ? { top: before, bottom: after } : { left: before, right: after };
  const repeated = Array.from({ length: channels }, () => weights).flat();
  const kernel = axis === "h" ? [weights.length, 1] : [1, weights.length];
  return o.conv2d(
    o.padWith(x, { ...none, ...around }, "circular"),
    o.constant(repeated, [channels, 1, kernel[0], kernel[1]]),
    { groups: channels, dilation: axis === "h" ? [spacing, 1] : [1, spacing] },
  );
}

function bandsOf<T>(o: Ops<T>, x: T, { low, high }: ReturnType<typeof filtersOf>, spacing: number): Bands<T> {
  const [smooth, rough] = [low, high].map((weights) => filtered(o, x, "w", weights, spacing));
  return {
    approximation: filtered(o, smooth, "h", low, spacing),
    horizontal: filtered(o, smooth, "h", high, spacing),
    vertical: filtered(o, rough, "h", low, spacing),
    diagonal: filtered(o, rough, "h", high, spacing),
  };
}

/** Numbers of a list option, of which one at least must count. */
function weightsOf(option: string, text: string): number[] {
  const weights = parseList(text);
  if (weights.some((weight) => weight > 0)) return weights;
  throw new ReconlossError("invalid-argument", `wavelet: ${option}=${text} leaves nothing to measure`);
}

/**
 * Absolute error of the stationary (undecimated) wavelet transform: the sum over levels and sub-bands of `weight * mean |W(output) - W(target)|`, each sub-band in the size of
 * the image.
 *
 * At level j the approximation of the level before is filtered along rows and columns with the wavelet's filters, 2^(j - 1) - 1 zeros between their taps, the image repeated beyond its
 * border: PyWavelets' `swt2`. Of every level the details count (smooth across and differing down, LH; the other way, HL; both, HH), of the last one the approximation too (LL).
 * `weights` has one number for each level, the finest first, so that there are as many levels as weights; `bands` one for each of LL:LH:HL:HH.
 *
 * | `normalization` | low-pass filter | high-pass filter | as in |
 * |---|---|---|---|
 * | `none` (default) | sum sqrt(2) | as published | PyWavelets `swt2` |
 * | `low-pass` | sum 1 | as published | Korkmaz, Tekalp 2024 |
 * | `both` | sum 1 | divided by sqrt(2) too | PyWavelets `swt2(norm=True)` |
 *
 * `preset=korkmaz` is `SWTLoss` of Korkmaz and Tekalp 2024 (Training Transformer Models by Wavelet Losses): one level of `sym19` on the luma of BT.601, which they
 * take in 0 to 255 and weight with 0.01, 2.55 times the number here. Not negative, in units of the images. The map holds at every pixel the weighted sum of its coefficients' errors; a coefficient's
 * weight is that of the pixel of the same place. Coefficients that are equal have a gradient of 0.
 *
 * @throws {ReconlossError} `shape` for images smaller than half the longest filter, gaps included
 * @example
 * ```ts
 * import { Tensor, wavelet } from "@reconloss/core";
 * const stripes = Tensor.from([0, 1, 0, 1], [1, 1, 2, 2]);
 * await wavelet({ bands: "0:1:1:1", normalization: "both" }).value(stripes, Tensor.full([1, 1, 2, 2], 0.5)); // 0.5, all of it across
 * ```
 */
export const wavelet = defineLoss({
  name: "wavelet",
  summary: "absolute error of stationary wavelet sub-bands: Haar, Daubechies, symlets",
  formula: "sum over levels and bands of weight * mean |W(x) - W(y)|",
  use: "With a pixel loss, where detail of a known scale and direction is to be kept; weights say how much each level and band counts.",
  better: "lower",
  source: "Korkmaz, Tekalp 2024, Training Transformer Models by Wavelet Losses (SWTLoss); PyWavelets swt2",
  options: {
    preset: choice(["plain", "korkmaz"], "plain", "whose numbers come out"),
    ...imageOptions,
    wavelet: choice(["haar", "db2", "db4", "sym7", "sym19"], "haar", "the wavelet, by PyWavelets' names"),
    weights: list("1", "of each level, the finest first; as many levels as weights", { min: 0 }),
    bands: list("1:1:1:1", "weights of the sub-bands LL:LH:HL:HH; LL is that of the last level", { min: 0 }),
    normalization: choice(["none", "low-pass", "both"], "none", "which filters are divided by sqrt(2)"),
  },
  presets: { korkmaz: { channels: "y-bt601", wavelet: "sym19", normalization: "low-pass" } },
  refuse: (options, shape) => {
    const levels = parseList(options.weights).length;
    const least = (lowPass[options.wavelet].length / 2) * 2 ** (levels - 1);
    return refuseImages(options, shape, [least, least]);
  },
  units: () => ({ degree: 1 }),
  define: (options) => {
    const levels = weightsOf("weights", options.weights);
    const bands = weightsOf("bands", options.bands);
    if (bands.length !== 4) {
      throw new ReconlossError(
        "invalid-argument",
        `wavelet: bands must be four numbers, LL:LH:HL:HH, got ${options.bands}`,
      );
    }
    const filters = filtersOf(options.wavelet, options.normalization);
    /** The absolute errors of the sub-bands that count, each with its weight. */
    const errors = <T>(o: Ops<T>, { output, target }: Images<T>): [weight: number, error: T][] => {
      let smooth = o.sub(output, target);
      const terms: [number, T][] = [];
      for (const [level, weight] of levels.entries()) {
        const { approximation, horizontal, vertical, diagonal } = bandsOf(o, smooth, filters, 2 ** level);
        smooth = approximation;
        const counted = level === levels.length - 1 ? [approximation] : [undefined];
        for (const [band, values] of [...counted, horizontal, vertical, diagonal].entries()) {
          if (values !== undefined && weight * bands[band] > 0) terms.push([weight * bands[band], o.abs(values)]);
        }
      }
      return terms;
    };
    const sum = <T>(o: Ops<T>, terms: readonly T[]) => terms.reduce((a, b) => o.add(a, b));
    return {
      mapBorder: sides(options.crop),
      score: (o, images) => {
        const prepared = prepare(o, images, options);
        return sum(
          o,
          errors(o, prepared).map(([weight, error]) => o.mul(weightedMean(o, error, prepared.weight, "chw"), weight)),
        );
      },
      map: (o, images) =>
        sum(
          o,
          errors(o, prepare(o, images, options)).map(([weight, error]) => o.mul(o.mean(error, "c"), weight)),
        ),
    };
  },
});
