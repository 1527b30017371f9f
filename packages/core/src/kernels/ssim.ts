import { module } from "./generated/ssim.ts";
import { inStrips } from "./kernel.ts";
import { ssim as strips } from "./strips/ssim.ts";
import { checkWindow, leastSide } from "./windows.ts";

/** Structural similarity at one scale. */
export const ssim = inStrips(strips, [module], (name, spec, shape) =>
  checkWindow(name, spec, leastSide(spec.window.size, 1, "drop", spec.region), shape),
);
