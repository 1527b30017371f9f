import { imageOptions } from "../definitions/image-options.ts";
import { choice, integer, number } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { normChoice, power, sumOverSpectrum, weightedImages } from "./spectrum.ts";

/** Every `factor`-th pixel of each channel, interpolated between the four around its place, as PyTorch's `interpolate(scale_factor=1/factor, mode="bilinear")`. */
function shrink<T>(o: Ops<T>, x: T, factor: number): T {
  if (factor === 1) return x;
  const channels = o.channels(x);
  const middle = (i: number) => i === factor / 2 - 1 || i === factor / 2;
  const kernel = Array.from({ length: channels * factor ** 2 }, (_, i) =>
    middle(i % factor) && middle(Math.floor(i / factor) % factor) ? 0.25 : 0,
  );
  return o.conv2d(x, o.constant(kernel, [channels, 1, factor, factor]), { stride: factor, groups: channels });
}

/**
 * Distance of the images' 2-D Fourier transforms, F(output) and F(target), each channel by itself: `mean |d|^p` over all coefficients, with p the `power`.
 *
 * - `error=parts` (default): d are the differences of the real and of the imaginary parts, which count as two.
 * - `error=modulus`: d is the modulus of the complex difference, `|F(output) - F(target)|`.
 * - `error=amplitude`: d is the difference of moduli, `|F(output)| - |F(target)|`, which leaves the phase free.
 *
 * | preset | options | equals |
 * |---|---|---|
 * | `mimo-unet` (default) | the full spectrum, `norm=backward` | MIMO-UNet's frequency term (Cho et al. 2021, eq. 5), which it weights with 0.1 |
 * | `rfft2` | `spectrum=half` | `l1_loss` of the stacked parts of `torch.fft.rfft2`; with `error=modulus`, of the complex tensors themselves |
 * | `rfft2-ortho` | `spectrum=half,norm=ortho` | the same with `norm="ortho"` |
 *
 * `spectrum=half` counts the columns 0 to w/2 once each; of the full spectrum all but the first and, for an even width, the last of them count twice. `scales` adds up the losses
 * of the images and of halves of their size, `pixels` the mean of |output - target|^p at each: MIMO-UNet trains with `0.1*fft(scales=3,pixels=10)`, on outputs that its
 * network gives at every scale; here the output is shrunk as the target is.
 *
 * Any size, prime ones too; values are not negative and in units of the images (squared for `power=2`), and with `norm=backward` grow as the root of the number of pixels. A weight
 * multiplies both images before the transform, divided by its mean. There is no map, since every coefficient is of all pixels. Coefficients that are equal have a gradient of 0.
 *
 * @throws {ReconlossError} `shape` for images smaller than 2^(scales - 1)
 * @example
 * ```ts
 * import { fft, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 1, 8, 8], 0.75), Tensor.full([1, 1, 8, 8], 0.25)];
 * await fft().value(output, target); // 0.25: 64 pixels * 0.5, in one of 2 * 64 parts
 * ```
 */
export const fft = defineLoss({
  name: "fft",
  summary: "difference of Fourier coefficients: real and imaginary parts, modulus or amplitude",
  formula: "mean |F(x) - F(y)| over real and imaginary parts",
  use: "With a pixel loss, for deblurring and super-resolution: frequencies that blur takes away count as much as those that it leaves.",
  better: "lower",
  source: "Cho et al. 2021 (MIMO-UNet), eq. 5 and its train.py; torch.fft.rfft2",
  options: {
    preset: choice(["mimo-unet", "rfft2", "rfft2-ortho"], "mimo-unet", "whose numbers come out"),
    ...imageOptions,
    spectrum: choice(["full", "half"], "full", "all columns, or those from 0 to w/2, once each"),
    norm: normChoice,
    error: choice(
      ["parts", "modulus", "amplitude"],
      "parts",
      "differences of real and imaginary parts; modulus of the difference; difference of moduli",
    ),
    power: choice(["1", "2"], "1", "absolute or squared errors"),
    scales: integer(1, "how many sizes are added up, each half of the one before", { min: 1, max: 8 }),
    pixels: number(0, "weight of the mean error of the pixels at every scale, beside the coefficients'", { min: 0 }),
  },
  presets: { rfft2: { spectrum: "half" }, "rfft2-ortho": { spectrum: "half", norm: "ortho" } },
  refuse: (options, shape) => refuseImages(options, shape, [2 ** (options.scales - 1), 2 ** (options.scales - 1)]),
  units: (options) => ({ degree: Number(options.power) }),
  define: (options) => {
    const exponent = Number(options.power);
    const size = <T>(o: Ops<T>, x: T) => (exponent === 1 ? o.abs(x) : o.square(x));
    const errors = <T>(o: Ops<T>, output: T, target: T): T => {
      if (options.error === "amplitude") {
        const modulus = (x: T) => o.root(power(o, o.fft(x)));
        return size(o, o.sub(modulus(output), modulus(target)));
      }
      const difference = o.fft(o.sub(output, target));
      if (options.error === "parts") return size(o, difference);
      const squared = power(o, difference);
      return exponent === 1 ? o.root(squared) : squared;
    };
    const atScale = <T>(o: Ops<T>, output: T, target: T): T => {
      const coefficients = errors(o, output, target);
      const parts = options.error === "parts" ? 2 : 1;
      const mean =
        options.spectrum === "half"
          ? o.mean(coefficients, "chw")
          : o.div(sumOverSpectrum(o, coefficients, output), o.mul(o.size(output, "chw"), parts));
      const scaled = options.norm === "ortho" ? o.div(mean, o.power(o.size(output, "hw"), exponent / 2)) : mean;
      if (options.pixels === 0) return scaled;
      return o.add(scaled, o.mul(o.mean(size(o, o.sub(output, target)), "chw"), options.pixels));
    };
    return {
      score: (o, images) => {
        const { output, target } = weightedImages(o, prepare(o, images, options));
        return Array.from({ length: options.scales }, (_, scale) =>
          atScale(o, shrink(o, output, 2 ** scale), shrink(o, target, 2 ** scale)),
        ).reduce((a, b) => o.add(a, b));
      },
    };
  },
});
