export type { StateDict, TensorShapes, WeightTensor } from "../weights/state-dict.ts";
export { alexnet } from "./alexnet.ts";
export { type DcganOptions, dcganGenerator } from "./dcgan.ts";
export { type EdsrOptions, edsr } from "./edsr.ts";
export {
  flattenSpatial,
  Inception,
  type InceptionFeature,
  inceptionFeatures,
  inceptionFid,
  inceptionV3,
} from "./inception.ts";
export {
  constant,
  direction,
  type Initializer,
  kaimingNormal,
  kaimingUniform,
  normal,
  uniform,
} from "./initializers.ts";
export type { Forward, Model } from "./model.ts";
export { type MultiscaleDiscriminatorOptions, multiscaleDiscriminator } from "./multiscale-discriminator.ts";
export { Network } from "./network.ts";
export { type ChannelStatistics, imagenetStatistics, lpipsScaling, normalise } from "./normalise.ts";
export { type OnnxNetwork, onnxNetwork, onnxOperators } from "./onnx-network.ts";
export { type PatchGanOptions, patchGan } from "./patch-gan.ts";
export { squeezenet } from "./squeezenet.ts";
export { dimsOf, initialize, type TensorSpec } from "./tensors.ts";
export { tiny, tinyTaps, tinyWeights } from "./tiny.ts";
export { type UnetOptions, unet } from "./unet.ts";
export { type UnetDiscriminatorOptions, unetDiscriminator } from "./unet-discriminator.ts";
export { type VggOptions, vgg } from "./vgg.ts";
export { type VggDiscriminatorOptions, vggDiscriminator } from "./vgg-discriminator.ts";
