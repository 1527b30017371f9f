import type { Recent } from "@reconloss/core/internal";
import type { ByteSource } from "@reconloss/core/weights";
import type { SetOptions, SetSource } from "../image-set.ts";
import type { ParquetThread } from "./parquet-thread.ts";

/** The contents of a file as a set: images, statistics, or both. */
export type Offer = Pick<SetSource, "images" | "statistics"> & Partial<Pick<SetSource, "close">>;

/** The settings of an input beside the bytes of its file. */
export interface InputContext {
  /** The path or address of the file. */
  readonly path: string;
  readonly options: SetOptions;
  /** Whether a path is by its name a set of images rather than one image. */
  isArchive(path: string): boolean;
  /** Opens another path as a set: a list may name archives. */
  openSet(path: string): Promise<SetSource>;
  /** The images of the row groups that were read last, of all files of a set. */
  readonly rowGroups: Recent<readonly unknown[]>;
  /** Reads parquet files of the set. */
  readonly parquet: ParquetThread;
  /** All bytes of one image, at a path or address. @throws {ReconlossError} `image` where it is not there or too large; `download` where the server fails */
  readImage(path: string, most: number): Promise<Uint8Array>;
}

/** A kind of file that is a set. */
export interface Input {
  /** Its name in messages. */
  readonly name: string;
  readonly extensions: readonly string[];
  /** Whether a file of another extension is of this kind, by its first 512 bytes. */
  matches?(head: Uint8Array): boolean;
  /** The source is closed by the caller, when the set is. */
  open(source: ByteSource, context: InputContext): Promise<Offer>;
}
