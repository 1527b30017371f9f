import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { leakyRelu } from "./activations.ts";
import { checkCount } from "./check.ts";
import { activation, chain, type Layer, seen } from "./layer.ts";
import { conv } from "./layers.ts";
import { type Model, model } from "./model.ts";
import { batchNorm } from "./norms.ts";

/** The options of a VGG-style discriminator. */
export interface VggDiscriminatorOptions {
  /** Channels of the images. Default 3. */
  inputs?: number;
  /** Channels of the first two layers, doubled three times. Default 64. */
  features?: number;
}

/** Height and width of its images. */
const size = 128;

/**
 * The VGG-style discriminator of SRGAN and ESRGAN (Ledig et al. 2017; BasicSR's `VGGStyleDiscriminator` for images of 128x128 pixels, with its
 * tensor names): one logit for each image. Its linear layers are convolutions of the whole image, on the same numbers in the same order.
 *
 * Takes [n, inputs, 128, 128]; gives [n, 1, 1, 1]. Weights and biases start as PyTorch's.
 *
 * @throws {ReconlossError} `invalid-argument` for options that make no sense; `shape` for images of another size
 *
 * @example
 * ```ts
 * import { vggDiscriminator } from "@reconloss/core/nets";
 * vggDiscriminator().parameters["linear1.weight"].dims; // [100, 512, 4, 4]
 * ```
 */
export function vggDiscriminator(options: VggDiscriminatorOptions = {}): Model {
  checkArguments("vggDiscriminator", { options: [options, "object?"] });
  const { inputs = 3, features = 64 } = options;
  const name = "vggDiscriminator";
  checkCount(name, "inputs", inputs);
  checkCount(name, "features", features);

  const layers: Layer[] = [];
  let channels = inputs;
  for (let stage = 0; stage < 5; stage++) {
    const width = features * 2 ** Math.min(stage, 3);
    for (const half of [0, 1]) {
      const place = `${stage}_${half}`;
      // The first layer of all has a bias, the others a batch norm.
      const first = stage + half === 0;
      const shape = half === 0 ? { kernel: 3, stride: 1 } : { kernel: 4, stride: 2 };
      layers.push(
        conv(`conv${place}`, channels, width, shape.kernel, { stride: shape.stride, padding: 1, bias: first }),
        ...(first ? [] : [batchNorm(`bn${place}`, width)]),
        activation(leakyRelu),
        seen,
      );
      channels = width;
    }
  }
  const hidden = 100;
  const left = size / 2 ** 5;
  layers.push(
    conv("linear1", channels, hidden, left, { shape: [hidden, channels * left ** 2] }),
    activation(leakyRelu),
    conv("linear2", hidden, 1, 1, { shape: [1, hidden] }),
  );
  const refuse = (h: number, w: number) => {
    if (h === size && w === size) return;
    throw new ReconlossError("shape", `${name}: images must be ${size}x${size}, got ${h}x${w}`);
  };
  return model(name, { channels: inputs, refuse }, chain(...layers));
}
