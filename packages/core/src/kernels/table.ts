import { deltaE } from "./delta-e.ts";
import { edge } from "./edge.ts";
import { fsim } from "./fsim.ts";
import { gmsd } from "./gmsd.ts";
import { haarpsi } from "./haarpsi.ts";
import type { Kernel } from "./kernel.ts";
import { mdsi } from "./mdsi.ts";
import { msSsim } from "./ms-ssim.ts";
import { pointwise } from "./pointwise.ts";
import { sobel } from "./sobel.ts";
import { ssim } from "./ssim.ts";
import { ssimBlocks } from "./ssim-blocks.ts";
import { ssimulacra2 } from "./ssimulacra2.ts";
import type { KernelSpec } from "./types.ts";
import { variation } from "./variation.ts";
import { vif } from "./vif.ts";

type Table = { readonly [K in KernelSpec["kind"]]: Kernel<Extract<KernelSpec, { kind: K }>> };

const table: Table = {
  l1: pointwise,
  mse: pointwise,
  charbonnier: pointwise,
  tv: variation,
  sobel,
  edge,
  ssim,
  "ssim-blocks": ssimBlocks,
  deltaE,
  "ms-ssim": msSsim,
  gmsd,
  haarpsi,
  mdsi,
  vif,
  fsim,
  ssimulacra2,
};

/** The kernel of a specification; undefined: there is none of that kind. */
export function kernelOf(spec: KernelSpec): Kernel | undefined {
  return Object.hasOwn(table, spec.kind) ? (table[spec.kind] as unknown as Kernel) : undefined;
}
