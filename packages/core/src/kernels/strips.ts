import { deltaE } from "./delta-e.ts";
import { derivatives } from "./derivatives.ts";
import type { Kernels } from "./module.ts";
import { pointwise } from "./pointwise.ts";
import type { NotedExtremes } from "./rows.ts";
import { ssim } from "./ssim.ts";
import { ssimulacra2Scale } from "./ssimulacra2-scale.ts";
import type { Span, StripData, StripKernel } from "./strip.ts";
import type { Planes, StripSpec } from "./types.ts";
import { variation } from "./variation.ts";

type Table = { readonly [K in StripSpec["kind"]]: StripKernel<Extract<StripSpec, { kind: K }>> };

const table: Table = {
  l1: pointwise,
  mse: pointwise,
  charbonnier: pointwise,
  tv: variation,
  sobel: derivatives,
  similarity: derivatives,
  ssim,
  deltaE,
  "ssimulacra2-scale": ssimulacra2Scale,
};

/** The kernel of a specification. */
export function stripKernel<S extends StripSpec>(spec: S): StripKernel<S> {
  return table[spec.kind] as unknown as StripKernel<S>;
}

/** One strip's work, as a message can carry it. */
export interface StripJob {
  readonly spec: StripSpec;
  readonly planes: Planes;
  readonly strip: Span;
  readonly data: StripData;
}

/** What came of one strip. */
export interface StripResult {
  readonly sums: Float64Array;
  readonly extremes: NotedExtremes;
}

/** Does one strip. */
export function runStrip(kernels: Kernels, { spec, planes, strip, data }: StripJob): StripResult {
  const sums = stripKernel(spec).run(kernels, spec, planes, strip, data);
  return { sums, extremes: kernels.takeExtremes() };
}
