import type { StripSpec } from "../types.ts";
import { averages, spreading } from "./averages.ts";
import { chromatic } from "./chromatic.ts";
import { deltaE } from "./delta-e.ts";
import { derivatives, similarities } from "./derivatives.ts";
import { edge } from "./edge.ts";
import { haar } from "./haar.ts";
import { halving, unhalving } from "./halving.ts";
import { information } from "./information.ts";
import { mixing } from "./mixing.ts";
import { phase } from "./phase.ts";
import { pointwise } from "./pointwise.ts";
import { ssim } from "./ssim.ts";
import { ssimBlocks } from "./ssim-blocks.ts";
import { ssimulacra2Scale } from "./ssimulacra2-scale.ts";
import type { StripKernel } from "./strip.ts";
import { variation } from "./variation.ts";

type Table = { readonly [K in StripSpec["kind"]]: StripKernel<Extract<StripSpec, { kind: K }>> };

const table: Table = {
  l1: pointwise,
  mse: pointwise,
  charbonnier: pointwise,
  tv: variation,
  sobel: derivatives,
  edge,
  similarity: similarities,
  averages,
  spreading,
  mixing,
  halving,
  unhalving,
  haar,
  chromatic,
  information,
  phase,
  ssim,
  "ssim-blocks": ssimBlocks,
  deltaE,
  "ssimulacra2-scale": ssimulacra2Scale,
};

/** The kernel of a specification, for workers, which are told of jobs by messages. */
export function stripKernel<S extends StripSpec>(spec: S): StripKernel<S> {
  return table[spec.kind] as unknown as StripKernel<S>;
}
