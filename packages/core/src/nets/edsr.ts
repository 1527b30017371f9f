import { checkArguments } from "../arguments.ts";
import { checkChoice, checkCount } from "./check.ts";
import { chain, join, residual } from "./layer.ts";
import { centre, conv, nearZero, pixelShuffle, relu } from "./layers.ts";
import { type Model, model } from "./model.ts";

/** The options of EDSR. */
export interface EdsrOptions {
  /** The factor by which the output is higher and wider than the input. Default 2. */
  scale?: 2 | 3 | 4;
  /** Channels of the images. Default 3. */
  colours?: number;
  /** Channels inside. Default 32. */
  channels?: number;
  /** Residual blocks. Default 4. */
  blocks?: number;
  /** Whether what the network says is added to the input, up-sampled bilinearly. Default true. */
  interpolate?: boolean;
}

/**
 * A small network for super-resolution: EDSR's residual blocks without batch norm (Lim et al. 2017) at the input's size, then one convolution to
 * `scale`^2 colours for each pixel and a pixel shuffle (Shi et al. 2016), which costs a fraction of EDSR's own layers at the output's size.
 * The tensors have the names of BasicSR's `EDSR` as far as there are the same layers.
 *
 * Takes images in [0, 1], [n, colours, h, w] of any size; gives [n, colours, h * scale, w * scale]. Weights and biases start as PyTorch's, the
 * last layer's at a tenth of that: with `interpolate`, the untrained network is close to bilinear interpolation.
 *
 * @throws {ReconlossError} `invalid-argument` for options that make no sense; `shape` for another number of colours
 *
 * @example
 * ```ts
 * import { edsr } from "@reconloss/core/nets";
 * edsr({ scale: 4, channels: 16 }).parameters["upsample.0.weight"].shape; // [48, 16, 3, 3]
 * ```
 */
export function edsr(options: EdsrOptions = {}): Model {
  checkArguments("edsr", { options: [options, "object?"] });
  const { scale = 2, colours = 3, channels = 32, blocks = 4, interpolate = true } = options;
  const name = "edsr";
  checkChoice<number>(name, "scale", scale, [2, 3, 4]);
  checkCount(name, "colours", colours);
  checkCount(name, "channels", channels);
  checkCount(name, "blocks", blocks);

  const same = (layer: string) => conv(layer, channels, channels, 3, { padding: 1 });
  const body = Array.from({ length: blocks }, (_, i) =>
    residual(chain(same(`body.${i}.conv1`), relu, same(`body.${i}.conv2`))),
  );
  const network = chain(
    centre,
    conv("conv_first", colours, channels, 3, { padding: 1 }),
    residual(chain(...body, same("conv_after_body"))),
    conv("upsample.0", channels, colours * scale ** 2, 3, { padding: 1, initializers: nearZero }),
    pixelShuffle(scale),
  );
  const whole = join([network], (pass, x) => {
    const detail = network.apply(pass, x);
    return pass.o.add(detail, interpolate ? pass.o.resize(x, detail) : 0.5);
  });
  return model(name, { channels: colours }, whole);
}
