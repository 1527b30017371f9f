export {
  type AlphaOptions,
  type Background,
  type DecodeNote,
  decodeSummary,
  type FloatPixels,
  fromPixels,
  type ImresizeKernel,
  imresize,
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
  describeIgnoredFiles,
  type FolderListing,
  type IgnoredFiles,
  imageExtensions,
  listFolder,
  listImages,
} from "./listing.ts";
export type { ImagePair, PairOptions, Region, UnpairedImage } from "./pair.ts";
export { readPairList } from "./pair-list.ts";
export type { PairProposal } from "./pair-pattern.ts";
export { readRegions } from "./pair-regions.ts";
export { type Pairing, pairFolders, pairPaths } from "./pairs.ts";
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
