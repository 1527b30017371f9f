export type { Definition, Evaluation, Images, Requested } from "../definitions/definition.ts";
export type { Learner, TrainingState } from "../definitions/learner.ts";
export { type Option, type OptionsOf, type OptionValue, option, type Schema } from "../definitions/options.ts";
export type { EngineName } from "../engines/index.ts";
export {
  adversarialObjectives,
  type Discriminate,
  type DiscriminatorLoss,
  discriminatorLoss,
  featureMatching,
  generatorLoss,
  gradientPenalty,
  imageGradient,
  type Judgement,
  type ObjectiveOptions,
  r1Penalty,
  wganGpPenalty,
} from "./adversarial/index.ts";
export { type ArtifactMapOptions, artifactMap } from "./artifact-map.ts";
export { average } from "./average.ts";
export { type BrisqueResources, brisque } from "./brisque.ts";
export type { BrisqueModel } from "./brisque-model.ts";
export { charbonnier } from "./charbonnier.ts";
export { chroma } from "./chroma.ts";
export { colour } from "./colour.ts";
export { colourConstancy } from "./colour-constancy.ts";
export { weighted } from "./combine.ts";
export { type ContextualResources, contextual } from "./contextual.ts";
export { cosine } from "./cosine.ts";
export { darkChannel } from "./dark-channel.ts";
export { deltaE } from "./delta-e.ts";
export { type DistsResources, dists } from "./dists.ts";
export { dss } from "./dss.ts";
export { dssim } from "./dssim.ts";
export { edge } from "./edge.ts";
export { ergas } from "./ergas.ts";
export type { EvaluateOptions } from "./evaluate-options.ts";
export { type ExportOptions, exportLoss } from "./export.ts";
export { exposure } from "./exposure.ts";
export { fft } from "./fft.ts";
export { flip } from "./flip.ts";
export { type FocalFrequencyResources, focalFrequency } from "./focal-frequency.ts";
export { fsim } from "./fsim.ts";
export { gmsd } from "./gmsd.ts";
export { gradient } from "./gradient.ts";
export { gradientVariance } from "./gradient-variance.ts";
export { gradientWeighted } from "./gradient-weighted.ts";
export { haarpsi } from "./haarpsi.ts";
export { hyperLaplacian } from "./hyper-laplacian.ts";
export { illuminationSmoothness } from "./illumination-smoothness.ts";
export { iwSsim } from "./iw-ssim.ts";
export { l0Gradient } from "./l0-gradient.ts";
export { l1 } from "./l1.ts";
export {
  type Better,
  defineLoss,
  type Loss,
  type LossDefinition,
  type LossFactory,
  type LossInfo,
  type ValueAndGrad,
} from "./loss.ts";
export { type LpipsResources, lpips } from "./lpips.ts";
export { mdsi } from "./mdsi.ts";
export { msGmsd } from "./ms-gmsd.ts";
export { msSsim } from "./ms-ssim.ts";
export { msSsimL1 } from "./ms-ssim-l1.ts";
export { mse } from "./mse.ts";
export { type NiqeResources, niqe } from "./niqe.ts";
export { nrmse } from "./nrmse.ts";
export { parseLoss, parseLosses } from "./parse.ts";
export { type PerceptualResources, perceptual } from "./perceptual.ts";
export type { PreparedTarget, Target } from "./prepared-target.ts";
export { psnr } from "./psnr.ts";
export { psnrLoss } from "./psnr-loss.ts";
export { range } from "./range.ts";
export { lossFactories } from "./registry.ts";
export { rmse } from "./rmse.ts";
export { barron, cauchy, gemanMcclure, huber, logCosh, smoothL1, welsch } from "./robust.ts";
export { sam } from "./sam.ts";
export { saturation } from "./saturation.ts";
export { scc } from "./scc.ts";
export { sobel } from "./sobel.ts";
export { spatialConsistency } from "./spatial-consistency.ts";
export { srSim } from "./sr-sim.ts";
export { ssim } from "./ssim.ts";
export { ssimulacra2 } from "./ssimulacra2.ts";
export type { Term, TermSchedule } from "./term.ts";
export { tv } from "./tv.ts";
export { uqi } from "./uqi.ts";
export { vif } from "./vif.ts";
export { vsi } from "./vsi.ts";
export { wavelet } from "./wavelet.ts";
