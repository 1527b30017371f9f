import { checkObject, described } from "../../arguments.ts";
import { ReconlossError } from "../../errors.ts";
import type { Ops } from "../../graph/ops.ts";
import { softplus } from "../../nets/activations.ts";
import { checkOps } from "./checks.ts";

/** The loss of a discriminator's logits of one side, element by element, by the label that they should have. */
interface Sides {
  /** @param label - what the logits should be, or as a probability where the objective has probabilities */
  real<T>(o: Ops<T>, logits: T, label: number): T;
  fake<T>(o: Ops<T>, logits: T, label: number): T;
  /** The generator's loss; default: fakes that should be called real. */
  generator?<T>(o: Ops<T>, logits: T): T;
  /** Whether it has labels to smooth. */
  labelled: boolean;
}

/** Cross entropy of the probability `sigmoid(x)` with a label, as a sum of terms that do not cancel. */
function crossEntropy<T>(o: Ops<T>, x: T, label: number): T {
  const [real, fake] = [() => o.mul(softplus(o, o.neg(x)), label), () => o.mul(softplus(o, x), 1 - label)];
  if (label === 1) return real();
  return label === 0 ? fake() : o.add(real(), fake());
}

function squaredDistance<T>(o: Ops<T>, x: T, label: number): T {
  return o.square(o.sub(x, label));
}

const table = {
  /** Goodfellow et al. 2014, with the generator's loss that does not saturate. */
  vanilla: { labelled: true, real: crossEntropy, fake: crossEntropy },
  /** Mao et al. 2017, without the paper's factor 1/2. */
  lsgan: { labelled: true, real: squaredDistance, fake: squaredDistance },
  /** Lim and Ye 2017: logits beyond 1 and -1 are good enough. */
  hinge: {
    labelled: false,
    real: (o, x) => o.relu(o.sub(1, x)),
    fake: (o, x) => o.relu(o.add(1, x)),
    generator: (o, x) => o.neg(x),
  },
  /** Arjovsky et al. 2017; needs a penalty or a spectral norm to be bounded. */
  wgan: { labelled: false, real: (o, x) => o.neg(x), fake: (_, x) => x },
  /** Karras et al. 2020 (StyleGAN2): the numbers of `vanilla` without labels. */
  "wgan-softplus": { labelled: false, real: (o, x) => softplus(o, o.neg(x)), fake: (o, x) => softplus(o, x) },
} as const satisfies Record<string, Sides>;

/**
 * The names of the adversarial objectives.
 *
 * @example
 * ```ts
 * import { adversarialObjectives } from "@reconloss/core";
 * adversarialObjectives[0]; // "vanilla"
 * ```
 */
export const adversarialObjectives = Object.keys(table) as readonly (keyof typeof table)[];

/** An adversarial objective, and how it is used. */
export interface ObjectiveOptions {
  /**
   * `vanilla`: binary cross entropy; `lsgan`: squared distance to the label; `hinge`; `wgan`: the logits themselves; `wgan-softplus`. The
   * numbers are those of BasicSR's `GANLoss`. Default `vanilla`.
   */
  readonly objective?: (typeof adversarialObjectives)[number];
  /**
   * Whether each logit is judged by its difference from the other side's mean (Jolicoeur-Martineau 2019, RaGAN; ESRGAN); `paired`: by its difference from the logit of the other
   * side's image in the same place of the batch (RpGAN; Huang et al. 2024, R3GAN). Default false.
   */
  readonly relativistic?: boolean | "paired";
  /** The label of real images, with `vanilla` and `lsgan`; less than 1 smooths it. Default 1. */
  readonly realLabel?: number;
  /** The label of fake images, with `vanilla` and `lsgan`. Default 0. */
  readonly fakeLabel?: number;
}

/**
 * Checks an objective's options and fills in the defaults.
 *
 * @throws {ReconlossError} `invalid-argument` for an unknown objective, for labels that it does not have, and for labels of `vanilla` outside
 * [0, 1]
 */
export function resolveObjective(options: ObjectiveOptions): Required<ObjectiveOptions> {
  checkObject("adversarial", "options", options);
  const { objective = "vanilla", relativistic = false, realLabel = 1, fakeLabel = 0 } = options;
  const refuse = (message: string) => new ReconlossError("invalid-argument", `adversarial: ${message}`);
  if (!adversarialObjectives.includes(objective)) {
    throw refuse(`objective must be ${adversarialObjectives.join(" | ")}, got ${described(objective)}`);
  }
  if (!table[objective].labelled && (realLabel !== 1 || fakeLabel !== 0)) {
    throw refuse(
      `the objective ${objective} has no labels, got realLabel ${described(realLabel)} and fakeLabel ${described(fakeLabel)}`,
    );
  }
  if (![true, false, "paired"].includes(relativistic)) {
    throw refuse(`relativistic must be true | false | paired, got ${described(relativistic)}`);
  }
  for (const [name, label] of Object.entries({ realLabel, fakeLabel })) {
    const probability = objective === "vanilla" && !(label >= 0 && label <= 1);
    if (!Number.isFinite(label) || probability) {
      throw refuse(`${name} must be ${objective === "vanilla" ? "in [0, 1]" : "finite"}, got ${described(label)}`);
    }
  }
  return { objective, relativistic, realLabel, fakeLabel };
}

/** The two halves of a discriminator's loss, each [1, 1, 1, 1]; it minimises their sum. */
export interface DiscriminatorLoss<T> {
  readonly real: T;
  readonly fake: T;
}

/**
 * The discriminator's loss.
 *
 * Means over all logits, whatever their shape. Relativistic halves are weighed one half each, and no gradient flows through the means of the
 * other side, as in ESRGAN's training (BasicSR, `ESRGANModel`). Paired, both halves are half of what the objective says of real less fake logits as real ones, and the gradient
 * flows through both (R3GAN, `AdversarialTraining.AccumulateDiscriminatorGradients`, with the objective `vanilla`).
 *
 * @param logits - of real images and of generated ones
 * @throws {ReconlossError} `invalid-argument` for an objective that there is not, or labels that it does not take
 *
 * @example
 * ```ts
 * import { reference } from "@reconloss/core/graph";
 * import { discriminatorLoss } from "@reconloss/core";
 * const [real, fake] = [reference.scalar(0.5), reference.scalar(-2)];
 * discriminatorLoss(reference, { real, fake }, { objective: "hinge" }).real.data[0]; // 0.5
 * ```
 */
export function discriminatorLoss<T>(
  o: Ops<T>,
  logits: { readonly real: T; readonly fake: T },
  options: ObjectiveOptions = {},
): DiscriminatorLoss<T> {
  checkObject("discriminatorLoss", "logits", logits);
  const { real, fake } = logits;
  checkOps("discriminatorLoss", o, { real, fake });
  const { objective, relativistic, realLabel, fakeLabel } = resolveObjective(options);
  const sides: Sides = table[objective];
  const mean = (x: T) => o.mean(x, "nchw");
  if (relativistic === "paired") {
    const half = o.mul(mean(sides.real(o, o.sub(real, fake), realLabel)), 0.5);
    return { real: half, fake: half };
  }
  if (!relativistic) {
    return { real: mean(sides.real(o, real, realLabel)), fake: mean(sides.fake(o, fake, fakeLabel)) };
  }
  const less = (x: T, other: T) => o.sub(x, o.stopGradient(mean(other)));
  return {
    real: o.mul(mean(sides.real(o, less(real, fake), realLabel)), 0.5),
    fake: o.mul(mean(sides.fake(o, less(fake, real), fakeLabel)), 0.5),
  };
}

/**
 * The generator's loss, [1, 1, 1, 1].
 *
 * Means over all logits, whatever their shape. The relativistic form needs the logits of real images too, through which no gradient flows; it is the
 * mean of what both sides say when the labels are exchanged, and the gradient flows through the mean of the fake logits as well. Paired, it is what the objective says of fake less real
 * logits as real ones.
 *
 * @param logits - `fake`, of generated images; `real`, of real ones, for the relativistic form; `mean`, over all logits of a batch, [1, 1, 1, 1]; default: the plain
 * mean
 * @throws {ReconlossError} `invalid-argument` if the relativistic form has no real logits
 *
 * @example
 * ```ts
 * import { reference } from "@reconloss/core/graph";
 * import { generatorLoss } from "@reconloss/core";
 * generatorLoss(reference, { fake: reference.scalar(-2) }, { objective: "hinge" }).data[0]; // 2
 * ```
 */
export function generatorLoss<T>(
  o: Ops<T>,
  logits: { readonly real?: T; readonly fake: T; readonly mean?: (logits: T) => T },
  options: ObjectiveOptions = {},
): T {
  checkObject("generatorLoss", "logits", logits);
  const { real, fake, mean = (x) => o.mean(x, "nchw") } = logits;
  checkOps("generatorLoss", o, { fake });
  const { objective, relativistic, realLabel, fakeLabel } = resolveObjective(options);
  const sides: Sides = table[objective];
  if (!relativistic) return mean(sides.generator?.(o, fake) ?? sides.real(o, fake, realLabel));
  if (real === undefined) {
    throw new ReconlossError("invalid-argument", "adversarial: the relativistic form needs the logits of real images");
  }
  const fixed = o.stopGradient(real);
  if (relativistic === "paired") return mean(sides.real(o, o.sub(fake, fixed), realLabel));
  const asFake = mean(sides.fake(o, o.sub(fixed, mean(fake)), fakeLabel));
  const asReal = mean(sides.real(o, o.sub(fake, mean(fixed)), realLabel));
  return o.mul(o.add(asFake, asReal), 0.5);
}
