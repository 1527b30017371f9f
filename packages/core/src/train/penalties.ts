import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";

/** A penalty on how steep a discriminator is. */
export interface Penalty {
  readonly kind: "r1" | "r2" | "gradient-penalty";
  /** The penalty's factor in the discriminator's loss. */
  readonly weight: number;
  /** It is added at every so many steps only, with so many times the weight (StyleGAN2's lazy regularisation). */
  readonly every: number;
}

function penalty(caller: string, kind: Penalty["kind"], weight: number, every: number): Penalty {
  if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY)) {
    throw new ReconlossError("invalid-argument", `${caller}: the weight must be finite and at least 0, got ${weight}`);
  }
  if (!Number.isInteger(every) || every < 1) {
    throw new ReconlossError("invalid-argument", `${caller}: every must be a whole number of steps, got ${every}`);
  }
  return { kind, weight, every };
}

/**
 * The R1 penalty, `gamma / 2` times the mean squared slope at real images (Mescheder et al. 2018, equation 9).
 *
 * @throws {ReconlossError} `invalid-argument` for a negative gamma, or an interval that is not a whole number
 * @example
 * ```ts
 * import { r1 } from "@reconloss/core/train";
 * r1(10, { every: 16 }).weight; // 5
 * ```
 */
export function r1(gamma = 10, options: { every?: number } = {}): Penalty {
  checkArguments("r1", { gamma: [gamma, "number?"], options: [options, "object?"] });
  const { every = 1 } = options;
  return penalty("r1", "r1", gamma / 2, every);
}

/**
 * The R2 penalty, `gamma / 2` times the mean squared slope at generated images (Mescheder et al. 2018, equation 10). R3GAN has it beside {@link r1}, with the same gamma.
 *
 * @throws {ReconlossError} `invalid-argument` for a negative gamma, or an interval that is not a whole number
 * @example
 * ```ts
 * import { r2 } from "@reconloss/core/train";
 * r2(10).kind; // "r2"
 * ```
 */
export function r2(gamma = 10, options: { every?: number } = {}): Penalty {
  checkArguments("r2", { gamma: [gamma, "number?"], options: [options, "object?"] });
  const { every = 1 } = options;
  return penalty("r2", "r2", gamma / 2, every);
}

/**
 * WGAN-GP's penalty, `lambda` times the mean squared distance of the slope's length from 1 between real and fake images (Gulrajani et al.
 * 2017, equation 3).
 *
 * @throws {ReconlossError} `invalid-argument` for a negative lambda, or an interval that is not a whole number
 * @example
 * ```ts
 * import { wganGp } from "@reconloss/core/train";
 * wganGp(10).kind; // "gradient-penalty"
 * ```
 */
export function wganGp(lambda = 10, options: { every?: number } = {}): Penalty {
  checkArguments("wganGp", { lambda: [lambda, "number?"], options: [options, "object?"] });
  const { every = 1 } = options;
  return penalty("wganGp", "gradient-penalty", lambda, every);
}
