import { charbonnier } from "./charbonnier.ts";
import { deltaE } from "./delta-e.ts";
import { l1 } from "./l1.ts";
import type { LossFactory } from "./loss.ts";
import { lpips } from "./lpips.ts";
import { msSsim } from "./ms-ssim.ts";
import { mse } from "./mse.ts";
import { perceptual } from "./perceptual.ts";
import { psnr } from "./psnr.ts";
import { ssim } from "./ssim.ts";
import { tv } from "./tv.ts";

/** Every loss of the grammar, in the order in which they are listed. */
export const lossFactories = [
  l1,
  mse,
  charbonnier,
  psnr,
  ssim,
  msSsim,
  deltaE,
  perceptual,
  lpips,
  tv,
] as readonly unknown[] as readonly LossFactory[];
