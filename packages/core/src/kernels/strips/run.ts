import type { Kernels } from "../module.ts";
import type { NotedExtremes } from "../rows.ts";
import type { Planes, StripSpec } from "../types.ts";
import type { Span, StripData, StripKernel } from "./strip.ts";

/** One strip's work. */
export interface StripJob {
  readonly kernel: StripKernel;
  readonly spec: StripSpec;
  readonly planes: Planes;
  readonly strip: Span;
  readonly data: StripData;
  /** The strips of the pass before that must have been done. */
  readonly needs?: number;
}

/** The results of one strip. */
export interface StripResult {
  readonly sums: Float64Array;
  readonly extremes: NotedExtremes;
}

/** Does one strip. */
export function runStrip(kernels: Kernels, { kernel, spec, planes, strip, data }: StripJob): StripResult {
  const sums = kernel.run(kernels, spec, planes, strip, data);
  return { sums, extremes: kernels.takeExtremes() };
}
