import type { Kernels } from "../module.ts";
import type { Rows, WritableRows } from "../rows.ts";
import type { Planes, StripSpec } from "../types.ts";

/** Rows [from, to). */
export type Span = readonly [from: number, to: number];

/** The rows that a strip reads and those that it writes. Rows of the map are numbered from the map's own top. */
export interface StripData {
  readonly output: Rows;
  readonly target?: Rows;
  /** The factor of the score of each place of the map and of its gradient, for all channels or for each. Then there is no map. */
  readonly weight?: Rows;
  readonly grad?: WritableRows;
  readonly map?: WritableRows;
}

/** A kernel that works through an image in strips of rows, each on its own; sums of strips add up. */
export interface StripKernel<S extends StripSpec = StripSpec> {
  /** Whether there is a second image. */
  readonly needsTarget: boolean;
  /** The arithmetic of a sample, in rough multiples of reading it: it decides what is worth a second thread. */
  readonly weight: number;
  /** The same of scores alone of images of 8 bits a sample, where these are taken as they are; default: {@link weight}. */
  readonly byteWeight?: number;
  /** Whether its strips are few and all take as long, so that threads take equal shares of them. */
  readonly fewStrips?: boolean;
  /** Whether it works on rows where they lie, if these are in the memory that it works in. Then all of them are, and there is no map. */
  readonly inPlace?: boolean;
  /** Whether the score of a place is that of its channels together, so that they have one weight. */
  readonly mixesChannels?: boolean;
  /** Height and width of the error map, where there is one. */
  mapSize(spec: S, planes: Planes): readonly [height: number, width: number] | undefined;
  /** The strips; they depend on the image alone, so that results are the same however many threads share them. */
  strips(spec: S, planes: Planes): Span[];
  /** The image rows that a strip reads. */
  sourceRows(spec: S, planes: Planes, strip: Span): Span;
  /** Those of the target, where they are others. */
  targetRows?(spec: S, planes: Planes, strip: Span): Span;
  /** The gradient rows that a strip writes. */
  gradRows(spec: S, planes: Planes, strip: Span): Span;
  /** The map rows that a strip writes, of each of its planes: one, or what a pass makes for others to read. */
  mapRows(spec: S, planes: Planes, strip: Span): Span;
  /** The map rows whose weights a strip reads; absent: it takes none. */
  weightRows?(spec: S, planes: Planes, strip: Span): Span;
  /** Does the work; returns the strip's sums. */
  run(kernels: Kernels, spec: S, planes: Planes, strip: Span, data: StripData): Float64Array;
  /** The image's score from the sums of all its strips. */
  finish(spec: S, planes: Planes, sums: Float64Array): number;
}

/** Rows in strips of at most `most` rows, all of nearly the same height, so that threads end together, and of at least `least` rows where there are as many. */
export function evenStrips(rows: number, most: number, least = 1): Span[] {
  const count = Math.max(1, Math.min(Math.ceil(rows / most), Math.floor(rows / least)));
  const start = (index: number) => Math.floor((index * rows) / count);
  return Array.from({ length: count }, (_, index) => [start(index), start(index + 1)] as const);
}

/** Samples of an image that a strip reads where little is done with each: messages about fewer would cost more, and threads would end apart with more. */
const readSamples = 2 ** 19;

/** Strips of work that is little more than reading: `perRow` samples of each of `rows` rows. */
export function readingStrips(rows: number, perRow: number): Span[] {
  return evenStrips(rows, Math.max(1, Math.floor(readSamples / perRow)));
}
