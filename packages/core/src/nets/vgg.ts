import { checkArguments } from "../arguments.ts";
import { checkChoice } from "./check.ts";
import type { Layer } from "./layer.ts";
import { averagePool, conv, l2Pool, maxPool, relu } from "./layers.ts";
import { Network } from "./network.ts";
import { batchNorm } from "./norms.ts";

/** Convolutions in each of the five blocks (Simonyan and Zisserman 2015, table 1, columns D and E). */
const blocks = {
  vgg16: [2, 2, 3, 3, 3],
  vgg19: [2, 2, 4, 4, 4],
};

const widths = [64, 128, 256, 512, 512];

/** The pooling of four pixels between two blocks: the largest, their mean, or the root of a mean of squares. */
export type Pooling = keyof typeof poolings;

const poolings = {
  max: maxPool(2, 2),
  average: averagePool(2, 2),
  l2: l2Pool,
};

/** The options of VGG. */
export interface VggOptions {
  /** A batch norm after each convolution. Default false. */
  batchNorm?: boolean;
  /** Pooling between the blocks. Default `max`; `average` is Gatys's, for styles; `l2` is DISTS's, which has no aliases. */
  pooling?: Pooling;
}

/**
 * VGG16 or VGG19 without its classifier (Simonyan and Zisserman 2015), with torchvision's tensor names.
 *
 * Taps of block X, convolution Y: `convX_Y` before the activation, `bnX_Y` where there is a batch norm, `reluX_Y`; and `poolX`.
 *
 * @example
 * ```ts
 * import { vgg } from "@reconloss/core/nets";
 * vgg("vgg16").taps.slice(0, 5); // ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1"]
 * ```
 */
export function vgg(depth: keyof typeof blocks, options: VggOptions = {}): Network {
  checkChoice("vgg", "depth", depth, Object.keys(blocks));
  checkArguments("vgg", { options: [options, "object?"] });
  return new Network(options.batchNorm ? `${depth}_bn` : depth, () => layersOf(depth, options));
}

function layersOf(depth: keyof typeof blocks, options: VggOptions): [string, Layer][] {
  const layers: [string, Layer][] = [];
  // A layer's number in torchvision's nn.Sequential is its place in this list.
  const name = () => `features.${layers.length}`;
  let inputs = 3;
  for (const [block, convolutions] of blocks[depth].entries()) {
    const outputs = widths[block];
    for (let number = 1; number <= convolutions; number++) {
      const place = `${block + 1}_${number}`;
      layers.push([`conv${place}`, conv(name(), inputs, outputs, 3, { padding: 1 })]);
      if (options.batchNorm) layers.push([`bn${place}`, batchNorm(name(), outputs)]);
      layers.push([`relu${place}`, relu]);
      inputs = outputs;
    }
    layers.push([`pool${block + 1}`, poolings[options.pooling ?? "max"]]);
  }
  return layers;
}
