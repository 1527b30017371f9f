export {
  type AlphaOptions,
  type Background,
  type DecodeNote,
  decodeSummary,
  type FloatPixels,
  fromPixels,
  type PixelSource,
  type Pixels,
  type Resizer,
  type Rgb,
  resize,
  resizers,
  type ToPixelsOptions,
  toPixels,
} from "@reconloss/core/pixels";
export type { DecodedPixels } from "./decoder.ts";
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
  decodeImage,
  decodePixels,
  type ImageSource,
  type PixelOptions,
  type ReadImageOptions,
  type ReadPixelsOptions,
  readImage,
  readPixels,
} from "./read.ts";
export { type WriteImageOptions, writeImage } from "./write.ts";
