import type { Tensor } from "@reconloss/core";
import type { DecodeNote, IgnoredFiles, PixelOptions, Pixels } from "../image/index.ts";
import type { WebOptions } from "./inputs/web.ts";
import type { StatisticsFile } from "./statistics-file.ts";

/** An image whose bytes are in memory, so that hash and pixels are of the same bytes. */
export interface SetImage {
  /** SHA-256 of its content, in hexadecimal. */
  readonly hash: string;
  /** Height and width of the pixels that {@link decode} gives, without decoding it where its file says them. @throws {ReconlossError} `image` where it cannot be read */
  size(): Promise<readonly [height: number, width: number]>;
  /** Pixels of 1 or 3 channels as they are stored, or a tensor [1, 1 | 3, h, w] in [0, 1] where there was alpha; and what was done to them. */
  decode(): Promise<{ image: Pixels | Tensor; notes: readonly DecodeNote[] }>;
}

/** One of the files or folders that a set is made of, in order. */
export interface SetPart {
  /** Its path, or its address without what may be secret in it. */
  readonly path: string;
  /** The number of the set's images in it. */
  readonly count: number;
  /** The numbers of files or members of it that are no images, by extension. */
  readonly ignoredFiles?: IgnoredFiles;
}

/** So many images of one height and width, one after the other; 0 x 0 are those that cannot be read. */
export type SizeRun = readonly [images: number, height: number, width: number];

/** The images that patches were cut from. */
export interface CutFrom {
  /** Height and width of the patches. */
  readonly size: number;
  /** The sizes of the whole images. */
  readonly sizes: readonly SizeRun[];
  /** The number of them that are smaller than a patch, and in no result. */
  readonly smaller: number;
  /** Of image `index`: the number and the name of the whole image. */
  from(index: number): { readonly image: number; readonly name: string };
}

/** The images of one side of a comparison. */
export interface ImageSet {
  readonly count: number;
  /** The numbers of files or members that are no images, by extension. */
  readonly ignoredFiles?: IgnoredFiles;
  /** The files that it is made of; absent where it is one. */
  readonly parts?: readonly SetPart[];
  /** Returns the name of image `index`: its name in the folder, or `shard.tar#member`; of a file that is not open yet, its place there. See {@link nameOf}. */
  name(index: number): string;
  /** Opens the file that image `index` is in, where that is not open yet. Absent where nothing is opened later. */
  open?(index: number): Promise<void>;
  /** Returns the stored size of image `index` in bytes, 0 for one that is not there: with its name, what a plan knows it by. Absent where that says nothing. */
  bytes?(index: number): Promise<number>;
  /**
   * Reads image `index`, once.
   *
   * @throws {ReconlossError} `image` where this image cannot be read; any other code where the set cannot
   */
  load(index: number): Promise<SetImage>;
  /**
   * The class of image `index`: what a list, the sample's `.cls` or `.json`, or the column `label` says, or else the first folder of its name;
   * undefined where nothing does. Absent where no image has one.
   */
  label?(index: number): Promise<string | undefined>;
  /** Present where the images are patches of others. */
  readonly cut?: CutFrom;
}

/** The time limit of reading a parquet file: milliseconds, and so many more for each megabyte that is read. */
export interface ParquetLimits {
  readonly time: number;
  readonly timePerMegabyte: number;
}

/** Options of opening a set. */
export interface SetOptions extends PixelOptions, WebOptions {
  /**
   * The parts that the set had when it was opened before: those whose images are not asked for are then not opened, and one that has another number of
   * images by now is an error.
   */
  parts?: readonly SetPart[];
  /** The time limit of reading a parquet file. */
  parquetLimits?: Partial<ParquetLimits>;
}

/** The contents of a set as of an earlier opening, which need not be looked at again. */
export interface KnownSet extends Pick<SetOptions, "parts"> {
  /** Of patches: the sizes of the images. */
  readonly sizes?: readonly SizeRun[];
}

/** Returns the contents of a set to keep for the next time that it is opened. */
export const knownOf = ({ parts, cut }: ImageSet): KnownSet => ({ parts, sizes: cut?.sizes });

/** Returns the name of an image, also of one in a file that is not open yet. */
export async function nameOf(images: ImageSet, index: number): Promise<string> {
  await images.open?.(index);
  return images.name(index);
}

/** The contents of a path: images, statistics of images, or both, as in the reference files of the ADM evaluator. Neither is looked at before it is asked for. */
export interface SetSource {
  /** Its name in messages and reports: its path, or its address without what may be secret in it, the name, the password and the query. */
  readonly path: string;
  /** @throws {ReconlossError} `file` when there are none, or they are not images */
  images?(): Promise<ImageSet>;
  /** @throws {ReconlossError} as `readStatistics` */
  statistics?(): Promise<StatisticsFile>;
  close(): Promise<void>;
}
