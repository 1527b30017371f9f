import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { sigmoid } from "./activations.ts";
import { checkChoice, checkCount } from "./check.ts";
import { normal } from "./initializers.ts";
import { activation, chain } from "./layer.ts";
import { conv, narrowNormal, pixelShuffle, relu, upsample } from "./layers.ts";
import { type Model, model } from "./model.ts";
import { batchNorm } from "./norms.ts";

/** The options of a DCGAN generator. */
export interface DcganOptions {
  /** Height and width of the images, 32 or 64. Default 32. */
  size?: 32 | 64;
  /** Numbers in a latent vector. Default 64. */
  latent?: number;
  /** Channels before the last layer, doubled at each halving of the size. Default 32. */
  features?: number;
  /** Channels of the images. Default 3. */
  colours?: number;
}

/**
 * A generator of the size of DCGAN's (Radford et al. 2016): a latent vector becomes 4x4 pixels, which double until the image is there, with batch
 * norm and ReLU between. The doubling is nearest-neighbour up-sampling before a 3x3 convolution, which leaves no checkerboard as transposed
 * convolutions do (Odena et al. 2016).
 *
 * Takes [n, latent, 1, 1], standard normal; gives images in (0, 1), [n, colours, size, size], in DCGAN's way of starting: weights
 * normal with deviation 0.02, scales of batch norms around 1, biases 0.
 *
 * @throws {ReconlossError} `invalid-argument` for options that make no sense; `shape` for latents that are not vectors of that length
 *
 * @example
 * ```ts
 * import { dcganGenerator } from "@reconloss/core/nets";
 * dcganGenerator({ size: 64, latent: 100 }).parameters["project.weight"].shape; // [4096, 100, 1, 1]
 * ```
 */
export function dcganGenerator(options: DcganOptions = {}): Model {
  checkArguments("dcganGenerator", { options: [options, "object?"] });
  const { size = 32, latent = 64, features = 32, colours = 3 } = options;
  const name = "dcganGenerator";
  checkChoice<number>(name, "size", size, [32, 64]);
  checkCount(name, "latent", latent);
  checkCount(name, "features", features);
  checkCount(name, "colours", colours);

  const layer = (from: number, to: number, kernel: number, key: string, bias = false) =>
    conv(key, from, to, kernel, { padding: (kernel - 1) / 2, bias, initializers: narrowNormal });
  const normalised = (key: string, channels: number) =>
    chain(batchNorm(key, channels, { scale: normal(0.02, 1) }), relu);
  const doublings = Math.log2(size / 4);
  const widest = features * 2 ** (doublings - 1);
  const middle = Array.from({ length: doublings - 1 }, (_, i) => {
    const width = widest / 2 ** i;
    return chain(
      upsample(2, "nearest"),
      layer(width, width / 2, 3, `conv${i + 1}`),
      normalised(`norm${i + 1}`, width / 2),
    );
  });
  const network = chain(
    layer(latent, widest * 16, 1, "project"),
    pixelShuffle(4),
    normalised("norm0", widest),
    ...middle,
    upsample(2, "nearest"),
    layer(features, colours, 3, "image", true),
    activation(sigmoid),
  );
  const refuse = (h: number, w: number) => {
    if (h === 1 && w === 1) return;
    throw new ReconlossError("shape", `${name}: latents must be nx${latent}x1x1, got nx${latent}x${h}x${w}`);
  };
  return model(name, { channels: latent, refuse }, network);
}
