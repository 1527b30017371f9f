import type { Shape } from "../tensor.ts";
import { checkColours } from "./colours.ts";
import { deltaE } from "./delta-e.ts";
import { derivatives } from "./derivatives.ts";
import { gmsd } from "./gmsd.ts";
import { inStrips, type Kernel } from "./kernel.ts";
import { msSsim } from "./ms-ssim.ts";
import { pointwise } from "./pointwise.ts";
import { ssim } from "./ssim.ts";
import { ssimulacra2 } from "./ssimulacra2.ts";
import type { KernelSpec, SobelSpec, SsimSpec } from "./types.ts";
import { variation } from "./variation.ts";
import { checkWindow, leastSide } from "./windows.ts";

type Table = { readonly [K in KernelSpec["kind"]]: Kernel<Extract<KernelSpec, { kind: K }>> };

const table: Table = {
  l1: inStrips(pointwise),
  mse: inStrips(pointwise),
  charbonnier: inStrips(pointwise),
  tv: inStrips(variation),
  sobel: inStrips<SobelSpec>(derivatives),
  ssim: inStrips(ssim, checkSsim),
  deltaE: inStrips(deltaE, (name, _, shape) => checkColours(name, shape)),
  "ms-ssim": msSsim,
  gmsd,
  ssimulacra2,
};

/** The kernel of a specification; undefined: there is none of that kind. */
export function kernelOf(spec: KernelSpec): Kernel | undefined {
  return Object.hasOwn(table, spec.kind) ? (table[spec.kind] as unknown as Kernel) : undefined;
}

function checkSsim(name: string, spec: SsimSpec, shape: Shape): void {
  checkWindow(name, spec, leastSide(spec.window.size, 1, "drop", spec.region), shape);
}
