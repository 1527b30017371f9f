import type { FloatPixels, Pixels } from "./pixels.ts";

/** Something that a reader of the numbers should know of how a file was read, though nothing is wrong with it. */
export interface DecodeNote {
  kind: "extra-bytes" | "outside-range" | "scale-ignored";
  /** A clause that says it of one image, with nothing in it that differs from image to image: "has extra bytes ...". */
  text: string;
}

/** Samples as a file holds them: 8 or 16 bits, or floating point. */
export type DecodedPixels = Pixels | FloatPixels;

/** What a decoder is told besides the bytes. */
export interface DecodeContext {
  /** Throws the error that names function and file. */
  fail(reason: string, cause?: unknown): never;
  /** Fails where an image of this size is empty or too large; called before anything of that size is allocated. */
  checkSize(width: number, height: number): void;
  /** Says something of how the file was read. */
  note(note: DecodeNote): void;
}

/** Makes pixels of a file's bytes. */
export type Decoder = (bytes: Uint8Array, context: DecodeContext) => DecodedPixels | Promise<DecodedPixels>;
