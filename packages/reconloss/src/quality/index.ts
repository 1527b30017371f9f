/**
 * The smallest file of an image that still looks right: a search over the quality of any encoder, by any loss. For Node.
 *
 * @module
 */
import "../image/decode-input.ts";
import "../weights/disk.ts";

export { type FileQualityOptions, type FileQualitySearch, searchFileQuality } from "./file.ts";
export { type QualityFormat, qualityFormats } from "./formats.ts";
export {
  type QualitySearch,
  type QualityTrial,
  type SearchQualityOptions,
  searchQuality,
  type TargetOptions,
} from "./search.ts";
export type { Tried } from "./smallest.ts";
