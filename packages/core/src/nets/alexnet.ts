import { conv, maxPool, relu } from "./layers.ts";
import { Network } from "./network.ts";

/**
 * AlexNet without its classifier, as in torchvision (Krizhevsky 2014, "One weird trick"): taps `conv1` `relu1` `pool1` ... `relu5` `pool5`.
 *
 * @example
 * ```ts
 * import { alexnet } from "@reconloss/core/nets";
 * alexnet.leastSize(["relu1"]); // 7
 * ```
 */
export const alexnet = new Network("alexnet", () => [
  ["conv1", conv("features.0", 3, 64, 11, { stride: 4, padding: 2 })],
  ["relu1", relu],
  ["pool1", maxPool(3, 2)],
  ["conv2", conv("features.3", 64, 192, 5, { padding: 2 })],
  ["relu2", relu],
  ["pool2", maxPool(3, 2)],
  ["conv3", conv("features.6", 192, 384, 3, { padding: 1 })],
  ["relu3", relu],
  ["conv4", conv("features.8", 384, 256, 3, { padding: 1 })],
  ["relu4", relu],
  ["conv5", conv("features.10", 256, 256, 3, { padding: 1 })],
  ["relu5", relu],
  ["pool5", maxPool(3, 2)],
]);
