import type { MatchOptions } from "../matchers/match.ts";

/** A screenshot as Vitest decodes it: RGBA, 8 bits. */
export interface Screenshot {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly metadata: { readonly width: number; readonly height: number };
}

/** The options that Vitest gives a comparator, with `comparatorOptions` of the assertion and of the configuration. */
export interface ComparatorOptions extends MatchOptions {
  /** Whether a picture of the differences is wanted. */
  createDiff?: boolean;
}

/** The result of a comparator for Vitest. */
export interface ComparatorResult {
  pass: boolean;
  /** RGBA in the size of the reference: the errors in false colours. Null where the images match, none is wanted or the sizes differ. */
  diff: Uint8Array | null;
  /** The measured numbers in words; null where the images match. */
  message: string | null;
}
