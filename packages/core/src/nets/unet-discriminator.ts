import { checkArguments } from "../arguments.ts";
import { leakyRelu } from "./activations.ts";
import { checkCount } from "./check.ts";
import { activation, chain, join, type Layer, seen } from "./layer.ts";
import { conv } from "./layers.ts";
import { atLeast, type Model, model } from "./model.ts";

/** The options of a U-Net discriminator. */
export interface UnetDiscriminatorOptions {
  /** Channels of the images. Default 3. */
  inputs?: number;
  /** Channels at full size, doubled at each of three halvings. Default 64. */
  features?: number;
}

/**
 * The U-Net discriminator with spectral norm of Real-ESRGAN (Wang et al. 2021; BasicSR's `UNetDiscriminatorSN` with its tensor names): one
 * logit for each pixel, which sees the whole image through three halvings of the size.
 *
 * Takes [n, inputs, h, w], at least 8x8; gives [n, 1, h, w]. BasicSR's needs sizes that 8 divides; here the way up takes the sizes of the way down.
 * Weights and biases start as PyTorch's.
 *
 * @throws {ReconlossError} `invalid-argument` for options that make no sense; `shape` for smaller images
 *
 * @example
 * ```ts
 * import { unetDiscriminator } from "@reconloss/core/nets";
 * unetDiscriminator({ features: 32 }).buffers["conv1.weight_v"].shape; // [512]
 * ```
 */
export function unetDiscriminator(options: UnetDiscriminatorOptions = {}): Model {
  checkArguments("unetDiscriminator", { options: [options, "object?"] });
  const { inputs = 3, features = 64 } = options;
  const name = "unetDiscriminator";
  checkCount(name, "inputs", inputs);
  checkCount(name, "features", features);

  const layer = (number: number, convolution: Layer) => ({ [number]: chain(convolution, activation(leakyRelu), seen) });
  const spectral = { bias: false, spectral: true, padding: 1 };
  const down = (number: number, from: number) =>
    layer(number, conv(`conv${number}`, from, 2 * from, 4, { ...spectral, stride: 2 }));
  const same = (number: number, from: number, to: number) =>
    layer(number, conv(`conv${number}`, from, to, 3, spectral));
  const layers: Record<number, Layer> = {
    ...layer(0, conv("conv0", inputs, features, 3, { padding: 1 })),
    ...down(1, features),
    ...down(2, 2 * features),
    ...down(3, 4 * features),
    ...same(4, 8 * features, 4 * features),
    ...same(5, 4 * features, 2 * features),
    ...same(6, 2 * features, features),
    ...same(7, features, features),
    ...same(8, features, features),
    9: conv("conv9", features, 1, 3, { padding: 1 }),
  };
  const network = join(Object.values(layers), (pass, x) => {
    const { o } = pass;
    const seen = [layers[0].apply(pass, x)];
    for (const number of [1, 2, 3]) seen.push(layers[number].apply(pass, seen[number - 1]));
    let value = seen[3];
    for (const number of [4, 5, 6]) {
      const before = seen[6 - number];
      value = o.add(layers[number].apply(pass, o.resize(value, before)), before);
    }
    return [7, 8, 9].reduce((value, number) => layers[number].apply(pass, value), value);
  });
  return model(name, { channels: inputs, refuse: atLeast(name, 8) }, network);
}
