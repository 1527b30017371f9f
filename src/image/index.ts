export type { Background, Rgb } from "./background.ts";
export type { DecodedPixels } from "./decoder.ts";
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
export { type WriteImageOptions, writeImage } from "./write.ts";
