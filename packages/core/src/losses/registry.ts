import { average } from "./average.ts";
import { brisque } from "./brisque.ts";
import { charbonnier } from "./charbonnier.ts";
import { chroma } from "./chroma.ts";
import { colour } from "./colour.ts";
import { colourConstancy } from "./colour-constancy.ts";
import { contextual } from "./contextual.ts";
import { cosine } from "./cosine.ts";
import { darkChannel } from "./dark-channel.ts";
import { deltaE } from "./delta-e.ts";
import { dists } from "./dists.ts";
import { dss } from "./dss.ts";
import { dssim } from "./dssim.ts";
import { edge } from "./edge.ts";
import { ergas } from "./ergas.ts";
import { exposure } from "./exposure.ts";
import { fft } from "./fft.ts";
import { flip } from "./flip.ts";
import { focalFrequency } from "./focal-frequency.ts";
import { fsim } from "./fsim.ts";
import { gmsd } from "./gmsd.ts";
import { gradient } from "./gradient.ts";
import { gradientVariance } from "./gradient-variance.ts";
import { gradientWeighted } from "./gradient-weighted.ts";
import { haarpsi } from "./haarpsi.ts";
import { hyperLaplacian } from "./hyper-laplacian.ts";
import { illuminationSmoothness } from "./illumination-smoothness.ts";
import { iwSsim } from "./iw-ssim.ts";
import { l0Gradient } from "./l0-gradient.ts";
import { l1 } from "./l1.ts";
import type { LossFactory } from "./loss.ts";
import { lpips } from "./lpips.ts";
import { mdsi } from "./mdsi.ts";
import { msGmsd } from "./ms-gmsd.ts";
import { msSsim } from "./ms-ssim.ts";
import { msSsimL1 } from "./ms-ssim-l1.ts";
import { mse } from "./mse.ts";
import { niqe } from "./niqe.ts";
import { nrmse } from "./nrmse.ts";
import { perceptual } from "./perceptual.ts";
import { psnr } from "./psnr.ts";
import { psnrLoss } from "./psnr-loss.ts";
import { range } from "./range.ts";
import { rmse } from "./rmse.ts";
import { barron, cauchy, gemanMcclure, huber, logCosh, smoothL1, welsch } from "./robust.ts";
import { sam } from "./sam.ts";
import { saturation } from "./saturation.ts";
import { scc } from "./scc.ts";
import { sobel } from "./sobel.ts";
import { spatialConsistency } from "./spatial-consistency.ts";
import { srSim } from "./sr-sim.ts";
import { ssim } from "./ssim.ts";
import { ssimulacra2 } from "./ssimulacra2.ts";
import { tv } from "./tv.ts";
import { uqi } from "./uqi.ts";
import { vif } from "./vif.ts";
import { vsi } from "./vsi.ts";
import { wavelet } from "./wavelet.ts";

/** Every loss of the grammar, in the order in which they are listed. */
export const lossFactories = [
  l1,
  mse,
  rmse,
  nrmse,
  charbonnier,
  huber,
  smoothL1,
  logCosh,
  cauchy,
  gemanMcclure,
  welsch,
  barron,
  psnr,
  psnrLoss,
  ssim,
  dssim,
  msSsim,
  msSsimL1,
  deltaE,
  cosine,
  fft,
  focalFrequency,
  wavelet,
  gmsd,
  msGmsd,
  mdsi,
  haarpsi,
  vif,
  iwSsim,
  fsim,
  srSim,
  vsi,
  dss,
  ssimulacra2,
  flip,
  uqi,
  sam,
  ergas,
  scc,
  colour,
  chroma,
  average,
  edge,
  sobel,
  gradient,
  gradientVariance,
  gradientWeighted,
  perceptual,
  lpips,
  dists,
  contextual,
  tv,
  exposure,
  colourConstancy,
  illuminationSmoothness,
  spatialConsistency,
  saturation,
  darkChannel,
  hyperLaplacian,
  l0Gradient,
  range,
  niqe,
  brisque,
] as readonly unknown[] as readonly LossFactory[];

/** Other names by which people know these losses, each with the options that it says. */
export const otherNames: Readonly<
  Record<string, readonly [name: string, options?: Readonly<Record<string, string | boolean>>]>
> = {
  mae: ["l1"],
  luma: ["l1", { channels: "y-bt601" }],
  color: ["colour"],
  fsimc: ["fsim", { chromatic: true }],
  "sr-simc": ["sr-sim", { chromatic: true }],
  gdl: ["gradient", { form: "magnitude" }],
  gw: ["gradient-weighted"],
  "mean-absolute-error": ["l1"],
  l2: ["mse"],
  "mean-squared-error": ["mse"],
  ciede2000: ["deltaE", { formula: "2000" }],
  de2000: ["deltaE", { formula: "2000" }],
  cie94: ["deltaE", { formula: "94" }],
  de94: ["deltaE", { formula: "94" }],
  cie76: ["deltaE", { formula: "76" }],
  de76: ["deltaE", { formula: "76" }],
  "focal-frequency-loss": ["focal-frequency"],
  ffl: ["focal-frequency"],
  "total-variation": ["tv"],
  "color-constancy": ["colour-constancy"],
  "bright-channel": ["dark-channel", { extreme: "bright" }],
  "ms-gmsdc": ["ms-gmsd", { chromatic: true }],
  vifp: ["vif"],
  uiqi: ["uqi"],
  "lpips-alex": ["lpips", { net: "alex" }],
  "lpips-vgg": ["lpips", { net: "vgg" }],
  "lpips-squeeze": ["lpips", { net: "squeeze" }],
};
