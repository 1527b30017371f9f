import { checkArguments } from "../arguments.ts";
import { leakyRelu } from "./activations.ts";
import { checkChoice, checkCount } from "./check.ts";
import { normal } from "./initializers.ts";
import { activation, chain, type Layer, seen } from "./layer.ts";
import { conv, narrowNormal } from "./layers.ts";
import { type Model, model } from "./model.ts";
import { batchNorm, instanceNorm } from "./norms.ts";
import { norms, type PatchGanOptions } from "./patch-gan.ts";

/** The options of a multi-scale discriminator: `depth` and `norm` are those of each scale, by default 3 and `instance`. */
export interface MultiscaleDiscriminatorOptions extends PatchGanOptions {
  /** The number of sizes of the image that are judged, each half of the one before. Default 2. */
  scales?: number;
}

/** The most channels of a layer. */
const most = 512;

/** One scale's network, on names that begin with a prefix. */
function judge(prefix: string, { inputs, features, depth, norm }: Required<PatchGanOptions>): Layer {
  const widths = Array.from({ length: depth + 1 }, (_, layer) => Math.min(features * 2 ** layer, most));
  const convolution = (layer: number, from: number, to: number) =>
    conv(`${prefix}_layer${layer}.0`, from, to, 4, {
      stride: layer < depth ? 2 : 1,
      padding: 2,
      spectral: norm === "spectral",
      initializers: narrowNormal,
    });
  const layers = widths.map((width, layer) => {
    const normalisation = {
      batch: batchNorm(`${prefix}_layer${layer}.1`, width, { scale: normal(0.02, 1) }),
      instance: instanceNorm,
      spectral: undefined,
      none: undefined,
    }[norm];
    const before = layer === 0 ? inputs : widths[layer - 1];
    const normalised = layer === 0 || normalisation === undefined ? [] : [normalisation];
    return chain(convolution(layer, before, width), ...normalised, activation(leakyRelu), seen);
  });
  return chain(...layers, convolution(depth + 1, widths[depth], 1));
}

/**
 * The multi-scale discriminator of pix2pixHD (Wang et al. 2018; its `MultiscaleDiscriminator` with its tensor names): the same patch discriminator, with weights of its own, on the image and on
 * averages of it, each of half the size. Its logits at the coarser scales are `coarser` of a forward pass, and what all its layers give is `features`, those of the finest scale first.
 *
 * Takes [n, inputs, h, w] of any size. Weights start normal with deviation 0.02, biases at 0.
 *
 * @throws {ReconlossError} `invalid-argument` for options that make no sense
 *
 * @example
 * ```ts
 * import { multiscaleDiscriminator } from "@reconloss/core/nets";
 * const discriminator = multiscaleDiscriminator({ features: 8, scales: 3 });
 * discriminator.parameters["scale2_layer1.0.weight"].shape; // [16, 8, 4, 4]
 * ```
 */
export function multiscaleDiscriminator(options: MultiscaleDiscriminatorOptions = {}): Model {
  checkArguments("multiscaleDiscriminator", { options: [options, "object?"] });
  const { inputs = 3, features = 64, depth = 3, norm = "instance", scales = 2 } = options;
  const name = "multiscaleDiscriminator";
  checkCount(name, "inputs", inputs);
  checkCount(name, "features", features);
  checkCount(name, "depth", depth, 1, 6);
  checkCount(name, "scales", scales, 1, 6);
  checkChoice(name, "norm", norm, norms);

  // The finest scale has the highest number.
  const judges = Array.from({ length: scales }, (_, scale) => {
    return model(name, { channels: inputs }, judge(`scale${scales - 1 - scale}`, { inputs, features, depth, norm }));
  });
  return {
    name,
    parameters: Object.assign({}, ...judges.map(({ parameters }) => parameters)),
    buffers: Object.assign({}, ...judges.map(({ buffers }) => buffers)),
    forward(o, x, tensors, training) {
      let image = x;
      const [finest, ...others] = judges.map((judge, scale) => {
        if (scale > 0) image = o.avgPool(image, 3, { stride: 2, padding: 1, countIncludePad: false });
        return judge.forward(o, image, tensors, training);
      });
      return {
        output: finest.output,
        coarser: others.map(({ output }) => output),
        buffers: Object.assign({}, finest.buffers, ...others.map(({ buffers }) => buffers)),
        features: [finest, ...others].flatMap(({ features = [] }) => features),
      };
    },
  };
}
