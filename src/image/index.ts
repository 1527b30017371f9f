export type { Background, Rgb } from "./background.ts";
export type { DecodedPixels } from "./decoder.ts";
export { blur, expose, noise } from "./distort.ts";
export {
  type Distortion,
  type DistortionName,
  distortions,
  trainingDistortions,
  unseenDistortions,
} from "./distortions.ts";
export { jpeg } from "./jpeg.ts";
export { type DecodeNote, decodeSummary } from "./notes.ts";
export {
  describePassedOver,
  type FolderListing,
  type ImagePair,
  imageExtensions,
  listFolder,
  listImages,
  type Pairing,
  type PassedOver,
  pairFolders,
  pairPaths,
  type UnpairedImage,
} from "./pairs.ts";
export {
  type AlphaOptions,
  type FloatPixels,
  fromPixels,
  type PixelSource,
  type Pixels,
  type ToPixelsOptions,
  toPixels,
} from "./pixels.ts";
export { mosaic, motionBlur, scatter, warp } from "./places.ts";
export {
  decodeImage,
  decodePixels,
  type ImageSource,
  type PixelOptions,
  type ReadImageOptions,
  type ReadPixelsOptions,
  readImage,
  readPixels,
} from "./read.ts";
export { type Resizer, resize, resizers } from "./resize.ts";
export { contrast, fade, gamma, posterise, saturate, turnHue } from "./tones.ts";
export { type WriteImageOptions, writeImage } from "./write.ts";
