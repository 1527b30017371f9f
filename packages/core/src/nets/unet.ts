import { checkArguments } from "../arguments.ts";
import { checkCount } from "./check.ts";
import { chain, join, type Layer, residual } from "./layer.ts";
import { centre, conv, nearZero, relu } from "./layers.ts";
import { type Model, model } from "./model.ts";

/** The options of a U-Net. */
export interface UnetOptions {
  /** Channels of the images. Default 3. */
  colours?: number;
  /** Channels at full size, doubled at each halving of the size. Default 32. */
  channels?: number;
  /** The number of times that the size is halved, 1 to 6. Default 2. */
  depth?: number;
}

/**
 * A small U-Net (Ronneberger et al. 2015) for tasks whose output looks much like their input, such as deblurring and enhancement: it says what to
 * add to the input. Sizes are halved by strided convolutions and regained by bilinear interpolation; what was seen on the way down is
 * added on the way up.
 *
 * Takes images in [0, 1], [n, colours, h, w] of any size, and gives the same. Weights and biases start as PyTorch's, the last layer's at a tenth of that,
 * so that the untrained network changes little.
 *
 * @throws {ReconlossError} `invalid-argument` for options that make no sense; `shape` for another number of colours
 *
 * @example
 * ```ts
 * import { unet } from "@reconloss/core/nets";
 * unet({ channels: 16 }).parameters["down1.weight"].shape; // [32, 16, 3, 3]
 * ```
 */
export function unet(options: UnetOptions = {}): Model {
  checkArguments("unet", { options: [options, "object?"] });
  const { colours = 3, channels = 32, depth = 2 } = options;
  const name = "unet";
  checkCount(name, "colours", colours);
  checkCount(name, "channels", channels);
  checkCount(name, "depth", depth, 1, 6);

  const level = (number: number, width: number): Layer => {
    const same = (layer: string) => conv(layer, width, width, 3, { padding: 1 });
    if (number === depth) return residual(chain(same("bottom.conv1"), relu, same("bottom.conv2")));
    const before = chain(same(`before${number}`), relu);
    const deeper = chain(
      conv(`down${number + 1}`, width, 2 * width, 3, { stride: 2, padding: 1 }),
      relu,
      level(number + 1, 2 * width),
      conv(`up${number + 1}`, 2 * width, width, 3, { padding: 1 }),
    );
    const after = chain(same(`after${number}`), relu);
    return join([before, deeper, after], (pass, x) => {
      const { o } = pass;
      const seen = before.apply(pass, x);
      return after.apply(pass, o.add(seen, o.resize(deeper.apply(pass, seen), seen)));
    });
  };
  const network = residual(
    chain(
      centre,
      conv("enter", colours, channels, 3, { padding: 1 }),
      relu,
      level(0, channels),
      conv("exit", channels, colours, 3, { padding: 1, initializers: nearZero }),
    ),
  );
  return model(name, { channels: colours }, network);
}
