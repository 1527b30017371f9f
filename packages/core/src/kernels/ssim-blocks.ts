import { module } from "./generated/ssim-blocks.ts";
import { inStrips } from "./kernel.ts";
import { ssimBlocks as strips } from "./strips/ssim-blocks.ts";
import { checkSides } from "./windows.ts";

/** Structural similarity under every fourth window of 8x8 pixels. */
export const ssimBlocks = inStrips(strips, [module], (name, _, [, , height, width]) =>
  checkSides(name, 8, 8, [height, width]),
);
