import { imageOptions } from "../definitions/image-options.ts";
import { number, type OptionsOf, type Schema } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { meanOfErrors, reductionOption, refuseImages } from "./images.ts";
import { defineLoss, type LossFactory } from "./loss.ts";
import type { Units } from "./units.ts";

/** A loss of pixel differences, each by itself. */
interface Robust<S extends Schema> {
  name: string;
  summary: string;
  formula: string;
  use: string;
  source: string;
  /** The options of the function besides those of all pixel losses. */
  parameters: S;
  units: Units;
  /** The error of a difference `output - target`, elementwise. */
  error<T>(o: Ops<T>, difference: T, parameters: OptionsOf<S>): T;
}

const shared = { ...imageOptions, reduction: reductionOption };

function robust<S extends Schema>({ parameters, units, error, ...info }: Robust<S>): LossFactory<typeof shared & S> {
  const factory = defineLoss({
    ...info,
    better: "lower",
    options: { ...imageOptions, ...parameters, reduction: reductionOption } as typeof shared & Schema,
    refuse: refuseImages,
    units: () => units,
    define: (options) =>
      meanOfErrors(
        options,
        (o, { output, target }) => error(o, o.sub(output, target), options as unknown as OptionsOf<S>),
        {
          sum: options.reduction === "sum",
        },
      ),
  });
  return factory as unknown as LossFactory<typeof shared & S>;
}

/** The squared difference in units of the scale. */
function squared<T>(o: Ops<T>, difference: T, c: number): T {
  return o.square(o.div(difference, c));
}

/** `d^2 / 2` up to |d| = delta, `delta (|d| - delta / 2)` beyond. */
function huberError<T>(o: Ops<T>, difference: T, delta: number): T {
  const size = o.abs(difference);
  const limited = o.minimum(size, delta);
  return o.mul(limited, o.sub(size, o.mul(limited, 0.5)));
}

/** The general loss of z = (d / c)^2: see {@link barron}. */
function generalError<T>(o: Ops<T>, z: T, alpha: number): T {
  if (alpha === 2) return o.mul(z, 0.5);
  if (alpha === 0) return o.log1p(o.mul(z, 0.5));
  if (alpha === Number.NEGATIVE_INFINITY) return o.neg(o.expm1(o.mul(z, -0.5)));
  const b = Math.abs(alpha - 2);
  return o.mul(o.expm1(o.mul(o.log1p(o.mul(z, 1 / b)), alpha / 2)), b / alpha);
}

const scale = { c: number(1, "the scale: differences well below it count by their squares", { above: 0 }) };
const ofScale: Units = { degree: 0, lengths: ["c"] };

/**
 * Huber loss, mean over pixels of `d^2 / 2` where `|d| <= delta`, else `delta (|d| - delta / 2)`, with d = output - target.
 *
 * `delta` is in units of the images; with the default of 1, that of PyTorch, images in [0, 1] have nothing but squared errors: take 0.01 to 0.1.
 * Any number of channels; identical images give 0 and a gradient of 0. A weight makes it `sum(weight error) / sum(weight)`; with `reduction=sum` it only multiplies.
 * Source: Huber 1964. Equals PyTorch `huber_loss(delta)`, Keras `Huber(delta)`.
 *
 * @example
 * ```ts
 * import { huber, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.75), Tensor.full([1, 3, 8, 8], 0.25)];
 * await huber().value(output, target); // 0.125
 * await huber({ delta: 0.25 }).value(output, target); // 0.09375
 * ```
 */
export const huber = robust({
  name: "huber",
  summary: "squared error up to delta, absolute error beyond",
  formula: "mean of d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), d = x - y",
  use: "Where small errors are noise and a few large ones are faults of the target. For images in [0, 1] set `delta` to 0.01 to 0.1.",
  source: "Huber 1964; PyTorch, huber_loss",
  parameters: { delta: number(1, "where squared becomes absolute error, in units of the images", { above: 0 }) },
  units: { degree: 2, lengths: ["delta"] },
  error: (o, d, { delta }) => huberError(o, d, delta),
});

/**
 * Smooth L1 loss, mean over pixels of `d^2 / (2 beta)` where `|d| < beta`, else `|d| - beta / 2`, with d = output - target: {@link huber} divided by its delta.
 *
 * `beta` is in units of the images; with the default of 1, that of PyTorch, images in [0, 1] have nothing but squared errors: take 0.01 to 0.1.
 * Any number of channels; identical images give 0 and a gradient of 0. A weight makes it `sum(weight error) / sum(weight)`; with `reduction=sum` it only multiplies.
 * Source: Girshick 2015 (Fast R-CNN), equation 3. Equals PyTorch `smooth_l1_loss(beta)`.
 *
 * @example
 * ```ts
 * import { smoothL1, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.75), Tensor.full([1, 3, 8, 8], 0.25)];
 * await smoothL1({ beta: 0.25 }).value(output, target); // 0.375
 * ```
 */
export const smoothL1 = robust({
  name: "smooth-l1",
  summary: "absolute error, squared below beta",
  formula: "mean of d^2 / (2 beta) where |d| < beta, else |d| - beta / 2, d = x - y",
  use: "As `huber`, with the slope of `l1` for large errors whatever `beta` is. For images in [0, 1] set `beta` to 0.01 to 0.1.",
  source: "Girshick 2015 (Fast R-CNN), eq. 3; PyTorch, smooth_l1_loss",
  parameters: { beta: number(1, "where squared becomes absolute error, in units of the images", { above: 0 }) },
  units: { degree: 1, lengths: ["beta"] },
  error: (o, d, { beta }) => o.div(huberError(o, d, beta), beta),
});

/**
 * Cauchy (Lorentzian) loss, mean over pixels of `log(1 + (d / c)^2 / 2)`, with d = output - target.
 *
 * `c` is in units of the images; with the default of 1, that of kornia, images in [0, 1] have hardly anything but squared errors: take 0.01 to 0.1.
 * Any number of channels; without unit. Identical images give 0 and a gradient of 0. A weight makes it `sum(weight error) / sum(weight)`; with `reduction=sum` it
 * only multiplies. Source: Black, Anandan 1996. Equals kornia `cauchy_loss`, of images divided by c.
 *
 * @example
 * ```ts
 * import { cauchy, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.75), Tensor.full([1, 3, 8, 8], 0.25)];
 * await cauchy({ c: 0.25 }).value(output, target); // 1.0986123: log 3
 * ```
 */
export const cauchy = robust({
  name: "cauchy",
  summary: "log(1 + (d/c)^2 / 2): large errors count by their logarithm",
  formula: "mean log(1 + ((x - y) / c)^2 / 2)",
  use: "Where outliers are to count little: their slope falls with their size. For images in [0, 1] set `c` to 0.01 to 0.1.",
  source: "Black, Anandan 1996; kornia, cauchy_loss",
  parameters: scale,
  units: ofScale,
  error: (o, d, { c }) => generalError(o, squared(o, d, c), 0),
});

/**
 * Welsch (Leclerc) loss, mean over pixels of `1 - exp(-(d / c)^2 / 2)`, with d = output - target. Range [0, 1].
 *
 * `c` is in units of the images; with the default of 1, that of kornia, images in [0, 1] have hardly anything but squared errors: take 0.1.
 * Any number of channels. Identical images give 0 and a gradient of 0; errors far beyond c have a gradient of almost 0. A weight makes it
 * `sum(weight error) / sum(weight)`; with `reduction=sum` it only multiplies. Source: Dennis, Welsch 1978. Equals kornia `welsch_loss`, of images divided by c.
 *
 * @example
 * ```ts
 * import { Tensor, welsch } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.75), Tensor.full([1, 3, 8, 8], 0.25)];
 * await welsch({ c: 0.25 }).value(output, target); // 0.8646647: 1 - exp(-2)
 * ```
 */
export const welsch = robust({
  name: "welsch",
  summary: "1 - exp(-(d/c)^2 / 2): large errors all count the same",
  formula: "mean 1 - exp(-((x - y) / c)^2 / 2)",
  use: "Where outliers are to count as a constant. It needs a good start: far errors have almost no slope.",
  source: "Dennis, Welsch 1978; kornia, welsch_loss",
  parameters: scale,
  units: ofScale,
  error: (o, d, { c }) => generalError(o, squared(o, d, c), Number.NEGATIVE_INFINITY),
});

/**
 * Geman-McClure loss, mean over pixels of `2 (d / c)^2 / ((d / c)^2 + 4)`, with d = output - target. Range [0, 2).
 *
 * `c` is in units of the images; with the default of 1, that of kornia, images in [0, 1] have hardly anything but squared errors: take 0.1.
 * Any number of channels. Identical images give 0 and a gradient of 0. A weight makes it `sum(weight error) / sum(weight)`; with `reduction=sum` it only
 * multiplies. Source: Geman, McClure 1985, in Barron's scale (2019). Equals kornia `geman_mcclure_loss`, of images divided by c.
 *
 * @example
 * ```ts
 * import { gemanMcclure, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.75), Tensor.full([1, 3, 8, 8], 0.25)];
 * await gemanMcclure({ c: 0.25 }).value(output, target); // 1
 * ```
 */
export const gemanMcclure = robust({
  name: "geman-mcclure",
  summary: "2 (d/c)^2 / ((d/c)^2 + 4): large errors all count the same",
  formula: "mean 2 z / (z + 4), z = ((x - y) / c)^2",
  use: "Where outliers are to count hardly at all, as in robust fitting. It needs a good start: far errors have almost no slope.",
  source: "Geman, McClure 1985; Barron 2019; kornia, geman_mcclure_loss",
  parameters: scale,
  units: ofScale,
  error: (o, d, { c }) => {
    const z = squared(o, d, c);
    return o.div(o.mul(z, 2), o.add(z, 4));
  },
});

/**
 * Log-cosh loss, mean over pixels of `log cosh(d / c)`, with d = output - target: about `(d / c)^2 / 2` below c, `|d| / c - log 2` above.
 *
 * `c` is in units of the images; with the default of 1, that of Keras, images in [0, 1] have hardly anything but squared errors: take 0.01 to 0.1.
 * Any number of channels; without unit. Identical images give 0 and a gradient of 0. A weight makes it `sum(weight error) / sum(weight)`; with `reduction=sum` it
 * only multiplies. Equals Keras `LogCosh`, torchmetrics `LogCoshError`, of images divided by c.
 *
 * @example
 * ```ts
 * import { logCosh, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.75), Tensor.full([1, 3, 8, 8], 0.25)];
 * await logCosh({ c: 0.25 }).value(output, target); // 1.3250027: log cosh 2
 * ```
 */
export const logCosh = robust({
  name: "log-cosh",
  summary: "log cosh(d/c): squared error below c, absolute error above",
  formula: "mean log cosh((x - y) / c)",
  use: "As `huber`, without a seam between its two parts. For images in [0, 1] set `c` to 0.01 to 0.1.",
  source: "Keras, LogCosh; torchmetrics, LogCoshError",
  parameters: scale,
  units: ofScale,
  error: (o, d, { c }) => {
    const x = o.abs(o.div(d, c));
    // Each of the two forms loses the digits that the other keeps.
    const near = o.expm1(o.neg(o.clamp(x, 0, 1)));
    const below = o.log1p(o.div(o.mul(o.square(near), 0.5), o.add(near, 1)));
    const above = o.add(o.sub(x, Math.LN2), o.log1p(o.exp(o.mul(x, -2))));
    return o.where(o.greater(x, 1), above, below);
  },
});

/**
 * Barron's general robust loss, mean over pixels of `|alpha - 2| / alpha ((z / |alpha - 2| + 1)^(alpha / 2) - 1)` with z = (d / c)^2, d = output - target.
 *
 * `alpha` chooses the shape, down to `-Infinity`, with the limits at 2, 0 and -Infinity:
 *
 * | alpha | loss |
 * |---|---|
 * | 2 | `z / 2` |
 * | 1 (default) | `sqrt(z + 1) - 1`: kornia `charbonnier_loss`, of images divided by c |
 * | 0 | {@link cauchy} |
 * | -2 | {@link gemanMcclure} |
 * | -Infinity | {@link welsch} |
 *
 * `c` is in units of the images, default 1; for images in [0, 1] take 0.01 to 0.1. Any number of channels; without unit. Identical images give 0 and a gradient of 0.
 * A weight makes it `sum(weight error) / sum(weight)`; with `reduction=sum` it only multiplies. Neither alpha nor c is learned.
 * Source: Barron 2019, "A General and Adaptive Robust Loss Function", equations 8 to 13.
 *
 * @example
 * ```ts
 * import { barron, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.75), Tensor.full([1, 3, 8, 8], 0.25)];
 * await barron({ alpha: 1, c: 0.25 }).value(output, target); // 1.236068: sqrt(5) - 1
 * ```
 */
export const barron = robust({
  name: "barron",
  summary: "general robust loss: one shape for squared, Charbonnier, Cauchy, Geman-McClure and Welsch",
  formula: "mean |alpha - 2| / alpha ((z / |alpha - 2| + 1)^(alpha / 2) - 1), z = ((x - y) / c)^2",
  use: "To try how robust a loss should be by one number, `alpha`, from squared errors (2) to Welsch's (-Infinity).",
  source: "Barron 2019, eq. 8 to 13; kornia, charbonnier_loss (alpha=1)",
  parameters: {
    alpha: number(1, "the shape: 2 for squared errors, smaller to count large errors less, as far as -Infinity", {
      below: Number.POSITIVE_INFINITY,
    }),
    ...scale,
  },
  units: ofScale,
  error: (o, d, { alpha, c }) => generalError(o, squared(o, d, c), alpha),
});
