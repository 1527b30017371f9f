/** The kind of an error, as a word that code can branch on. */
export type ErrorCode =
  /** An option or argument that makes no sense. */
  | "invalid-argument"
  /** Shapes that do not fit each other or the loss. */
  | "shape"
  /** Values outside their stated range, such as 0-255 pixels with data range 1. */
  | "range"
  /** NaN or infinity where a number was needed. */
  | "non-finite"
  /** A loss specification that does not parse. */
  | "syntax"
  /** A file that cannot be read as an image. */
  | "image"
  /** A file that cannot be read or written. */
  | "file"
  /** A file of statistics, features, a model or a part of some work whose content is damaged, or not what it should be. */
  | "content"
  /** A checkpoint that is damaged, unsafe or not the one expected. */
  | "checkpoint"
  /** Weights that are not on this machine. */
  | "missing-weights"
  /** A download that failed. */
  | "download"
  /** An optional package that is not installed, or a device that this machine has not. */
  | "missing-dependency";

/**
 * Every error that reconloss raises on purpose. The message names the function, the argument and the shapes or values
 * involved; `code` says which kind of error it is.
 *
 * @example
 * ```ts
 * import { l1, ReconlossError, Tensor } from "@reconloss/core";
 * const [wide, square] = [Tensor.full([1, 3, 4, 8], 0), Tensor.full([1, 3, 4, 4], 0)];
 * const error = await l1().value(wide, square).catch((error: unknown) => error as ReconlossError);
 * if (error instanceof ReconlossError) console.assert(error.code === "shape"); // l1: output is 1x3x4x8 but target is 1x3x4x4
 * ```
 */
export class ReconlossError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ReconlossError";
    this.code = code;
  }
}
