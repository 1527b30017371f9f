/**
 * Images as browsers and decoders have them, and tensors; resizing.
 *
 * @module
 */
export type { Background, Rgb } from "./background.ts";
export { type ImresizeKernel, imresize } from "./imresize.ts";
export { type DecodeNote, decodeSummary } from "./notes.ts";
export {
  type AlphaOptions,
  type FloatPixels,
  fromPixels,
  type PixelSource,
  type Pixels,
  type ToPixelsOptions,
  toPixels,
} from "./pixels.ts";
export { type Resizer, resize, resizers } from "./resize.ts";
