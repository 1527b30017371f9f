/**
 * The mathematics of adversarial training: what discriminators and generators minimise, and penalties on a discriminator's slope. Pure
 * functions over `Ops`, without state.
 *
 * @module
 */
export { featureMatching } from "./matching.ts";
export {
  adversarialObjectives,
  type DiscriminatorLoss,
  discriminatorLoss,
  generatorLoss,
  type ObjectiveOptions,
  resolveObjective,
} from "./objectives.ts";
export {
  type Discriminate,
  gradientPenalty,
  imageGradient,
  type Judgement,
  r1Penalty,
  wganGpPenalty,
} from "./penalties.ts";
