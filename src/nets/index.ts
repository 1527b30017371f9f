export type { StateDict, TensorShapes, WeightTensor } from "../weights/index.ts";
export { alexnet } from "./alexnet.ts";
export {
  flattenSpatial,
  Inception,
  type InceptionFeature,
  inceptionFeatures,
  inceptionFid,
  inceptionV3,
} from "./inception.ts";
export { Network } from "./network.ts";
export { type ChannelStatistics, imagenetStatistics, normalise } from "./normalise.ts";
export { squeezenet } from "./squeezenet.ts";
export { type VggOptions, vgg } from "./vgg.ts";
