import type { DecodeNote, FloatPixels, Pixels } from "@reconloss/core/pixels";

/** Samples as a file holds them: 8 or 16 bits, or floating point. */
export type DecodedPixels = Pixels | FloatPixels;

/** The arguments of a decoder besides the bytes. */
export interface DecodeContext {
  /** Whether the pixels are to be those that Pillow makes of the file. */
  readonly likePillow: boolean;
  /** Throws the error that names function and file. */
  fail(reason: string, cause?: unknown): never;
  /** Fails where an image of this size is empty or too large; called before anything of that size is allocated. */
  checkSize(width: number, height: number): void;
  /** Says something of how the file was read. */
  note(note: DecodeNote): void;
}

/** Tells the height and width of a file's pixels from its header; fails where that cannot be read. */
export type SizeReader = (
  bytes: Uint8Array,
  context: DecodeContext,
) => Promise<readonly [height: number, width: number]>;

/** Makes pixels of a file's bytes. */
export type Decoder = (bytes: Uint8Array, context: DecodeContext) => DecodedPixels | Promise<DecodedPixels>;
