import { checkArguments } from "../arguments.ts";
import type { Definition, Images } from "../definitions/definition.ts";
import type { Learner, TrainingState } from "../definitions/learner.ts";
import { choice, flag, integer, number, type OptionsOf } from "../definitions/options.ts";
import { batchMean, layerWeight, weightedMean } from "../definitions/pixel-weights.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import {
  adversarialObjectives,
  type Discriminate,
  discriminatorLoss,
  featureMatching,
  generatorLoss,
  gradientPenalty,
  imageGradient,
  type ObjectiveOptions,
  r1Penalty,
  resolveObjective,
} from "../losses/adversarial/index.ts";
import { defineLoss, type Loss } from "../losses/loss.ts";
import type { Forward, Model } from "../nets/model.ts";
import { multiscaleDiscriminator } from "../nets/multiscale-discriminator.ts";
import { norms, patchGan } from "../nets/patch-gan.ts";
import { unetDiscriminator } from "../nets/unet-discriminator.ts";
import { vggDiscriminator } from "../nets/vgg-discriminator.ts";
import { Random } from "../random.ts";
import { mapValues } from "../records.ts";
import { Tensor } from "../tensor.ts";
import { readStates, writeStates } from "./checkpoint.ts";
import { adam, type Optimizer } from "./optimizers.ts";
import type { Schedule } from "./schedules.ts";
import { type Objective, type RunOptions, type StepOptions, TrainingStep } from "./step.ts";

/** A penalty on how steep a discriminator is. */
export interface Penalty {
  readonly kind: "r1" | "gradient-penalty";
  /** What the penalty is multiplied by before it is added to the discriminator's loss. */
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

/** What {@link adversarial} is told. */
export interface AdversarialOptions extends ObjectiveOptions {
  /** Sees images in [-1, 1]. Default `patchGan()`, with instance norm where the penalty is WGAN-GP's. */
  discriminator?: Model;
  /** Default: none; `wganGp()` for the objective `wgan` where the discriminator is the default one. */
  penalty?: Penalty;
  /** What the generator's side adds of {@link featureMatching}: pix2pixHD has 10. Default 0, none. */
  matching?: number;
  /** The discriminator's; default Adam with the learning rate 2e-4 and betas 0.5 and 0.999. */
  optimizer?: Optimizer;
  /** Default: a constant rate. */
  schedule?: Schedule;
  /** Where the discriminator's first weights, and the points of WGAN-GP, come from. Default 1. */
  seed?: number;
  /** See {@link StepOptions.shards}. */
  shards?: StepOptions["shards"];
}

/** What is minimised against a discriminator that learns: {@link Loss} is the generator's side, these the discriminator's. */
export interface AdversarialLoss extends Loss {
  /**
   * One step of the discriminator.
   *
   * @param real - images as they should be, [n, 3, h, w] in [0, 1]
   * @param fake - outputs of the model
   * @param options - `device`: where it is computed; default `cpu`
   * @returns `real` and `fake`, the two halves of its loss, and `penalty` where there was one at this step
   */
  update(real: Tensor, fake: Tensor, options?: RunOptions): Promise<Readonly<Record<string, number>>>;
  /** The discriminator and its optimiser, as the bytes of a safetensors file. */
  checkpoint(): Uint8Array;
  /** @throws {ReconlossError} `checkpoint` for bytes that are damaged or of another discriminator */
  restore(bytes: Uint8Array, file?: string): Promise<void>;
}

/** Pixels in [0, 1] as discriminators see them. */
function shown<T>(o: Ops<T>, image: T): T {
  return o.sub(o.mul(image, 2), 1);
}

/** The normalisation of a patch discriminator: WGAN-GP's penalty is on each image by itself, which a batch norm makes depend on the others. */
const normFor = (gradientPenalty: boolean) => (gradientPenalty ? "instance" : "batch");

/** A discriminator where none is given, with the penalty and the normalisation that the objective needs. */
function withDiscriminator<Options extends AdversarialOptions>(options: Options) {
  if (options.discriminator !== undefined) return { ...options, discriminator: options.discriminator };
  const { penalty = options.objective === "wgan" ? wganGp() : undefined } = options;
  return { ...options, penalty, discriminator: patchGan({ norm: normFor(penalty?.kind === "gradient-penalty") }) };
}

/** What may keep a discriminator from learning, as the papers warn. */
function notesOn({ parameters, buffers }: Model, { objective }: ObjectiveOptions, penalty?: Penalty): string[] {
  const has = (tensors: Model["buffers"], part: string) => Object.keys(tensors).some((name) => name.endsWith(part));
  const notes: string[] = [];
  const isSpectral = has(parameters, "weight_orig");
  if (objective === "wgan" && penalty === undefined && !isSpectral) {
    notes.push(
      "gan: nothing bounds a wgan discriminator without gp, r1 or norm=spectral; its loss may grow without end (Arjovsky et al. 2017, section 3)",
    );
  }
  if (penalty?.kind === "gradient-penalty" && has(buffers, "running_mean")) {
    notes.push(
      "gan: gp is a penalty on each image by itself, but the discriminator's batch norm makes images depend on each other; take norm=instance or none (Gulrajani et al. 2017, section 4)",
    );
  }
  return notes;
}

/** The logits at all scales, the finest first. */
function logitsOf<T>({ output, coarser = [] }: Forward<T>): readonly T[] {
  return [output, ...coarser];
}

/** A discriminator that learns to tell real from fake. */
class Discriminator implements Learner {
  readonly model: Model;
  readonly objective: Required<ObjectiveOptions>;
  readonly notes: readonly string[];
  readonly #step: TrainingStep;
  readonly #penalty?: Penalty;
  readonly #seed: number;

  constructor(options: AdversarialOptions) {
    const { discriminator, penalty, schedule, seed = 1, shards } = withDiscriminator(options);
    const { optimizer = adam(2e-4, { betas: [0.5, 0.999] }), ...objective } = options;
    this.model = discriminator;
    this.objective = resolveObjective(objective);
    this.notes = notesOn(discriminator, this.objective, penalty);
    this.#penalty = penalty;
    this.#seed = seed;
    this.#step = new TrainingStep({
      name: `adversarial ${discriminator.name}`,
      parameters: discriminator.parameters,
      buffers: discriminator.buffers,
      objective: (o, tensors, inputs, variant) => this.#loss(o, tensors, inputs, variant === "penalty"),
      optimizer,
      schedule,
      seed,
      shards,
    });
  }

  get tensors(): Readonly<Record<string, Tensor>> {
    return this.#step.current;
  }

  async update(real: Tensor, fake: Tensor, options?: RunOptions): Promise<Readonly<Record<string, number>>> {
    const step = this.#step.steps + 1;
    const penalised = this.#penalty !== undefined && (step - 1) % this.#penalty.every === 0;
    const random = new Random(this.#seed, "alpha", step);
    const alpha = () =>
      Tensor.from(
        Array.from({ length: real.shape[0] }, () => random.uniform()),
        [real.shape[0], 1, 1, 1],
      );
    const inputs: Record<string, Tensor> = { real, fake };
    if (penalised && this.#penalty?.kind === "gradient-penalty") inputs.alpha = alpha();
    const { report } = await this.#step.run(inputs, penalised ? "penalty" : "", options);
    return report;
  }

  save(): TrainingState {
    return this.#step.save();
  }

  restore(state: TrainingState): void {
    this.#step.restore(state);
  }

  /** What it says of images in [0, 1], as the generator meets it: by the batch's statistics, which leave no trace. */
  judge<T>(o: Ops<T>, image: T, tensors: Readonly<Record<string, T>>): Forward<T> {
    return this.model.forward(o, shown(o, image), tensors, true);
  }

  #loss<T>(
    o: Ops<T>,
    tensors: Readonly<Record<string, T>>,
    inputs: Readonly<Record<string, T>>,
    penalised: boolean,
  ): Objective<T> {
    const [real, fake] = [shown(o, inputs.real), shown(o, inputs.fake)];
    const { kind, weight, every } = this.#penalty ?? { kind: "none", weight: 0, every: 1 };
    let realBuffers: Readonly<Record<string, T>> = {};
    let realLogits: readonly T[] = [];
    const discriminate: Discriminate<T> = ({ o, lift }, image) => {
      const forward = this.model.forward(o, image, mapValues(tensors, lift), true);
      const logits = logitsOf(forward);
      realBuffers = mapValues(forward.buffers, ({ value }) => value);
      realLogits = logits.map(({ value }) => value);
      if (logits.length === 1) return forward.output;
      return logits.map((scale) => o.sum(scale, "chw")).reduce((sum, scale) => o.add(sum, scale));
    };
    // One pass gives the logits of real images and, where R1 needs it, their slope.
    const { gradient } = imageGradient(o, discriminate, real);
    const seenFake = this.model.forward(o, fake, { ...tensors, ...realBuffers }, true);
    const scales = logitsOf(seenFake).map((fake, scale) => {
      return discriminatorLoss(o, { real: realLogits[scale], fake }, this.objective);
    });
    const overScales = (half: "real" | "fake") => scales.map((own) => own[half]).reduce((sum, own) => o.add(sum, own));
    const halves = { real: overScales("real"), fake: overScales("fake") };
    const sum = o.add(halves.real, halves.fake);
    const buffers = { ...realBuffers, ...seenFake.buffers };
    if (!penalised) return { loss: sum, buffers, report: { ...halves } };

    const penalty =
      kind === "r1" ? r1Penalty(o, gradient) : gradientPenalty(o, discriminate, { real, fake, alpha: inputs.alpha });
    return { loss: o.add(sum, o.mul(penalty, weight * every)), buffers, report: { ...halves, penalty } };
  }
}

/** The generator's side as mathematics: the discriminator's tensors are its state. */
function generatorSide(discriminator: Discriminator, matching: number): Definition {
  const { objective } = discriminator;
  const terms = <T>(
    o: Ops<T>,
    { output, target, weight, share, state = {} }: Images<T>,
  ): Readonly<Record<string, T>> => {
    const fake = discriminator.judge(o, output, state);
    const real = objective.relativistic || matching > 0 ? discriminator.judge(o, target, state) : undefined;
    const ofImages = (x: T) => weightedMean(o, x, weight && layerWeight(o, weight, x), "chw");
    const mean = (logits: T) => batchMean(o, ofImages(logits), share);
    const scales = logitsOf(fake).map((fake, scale) => {
      const logits = { fake, real: real && logitsOf(real)[scale], ...(weight ? { mean } : {}) };
      return generatorLoss(o, logits, objective);
    });
    const sum = scales.reduce((sum, scale) => o.add(sum, scale));
    // The loss is one number of the batch; each image's value is that number.
    const adversarial = o.expand(sum, o.mean(output, "chw"));
    if (real === undefined || matching === 0) return { adversarial };
    if (fake.features === undefined || real.features === undefined) {
      const { name } = discriminator.model;
      throw new ReconlossError("invalid-argument", `gan: the discriminator ${name} has no layers to match (features)`);
    }
    const distance = featureMatching(o, { fake: fake.features, real: real.features, mean: ofImages });
    return { adversarial, matching: o.mul(distance, matching) };
  };
  return {
    refuse: ([, , h, w]) => {
      try {
        discriminator.model.checkSize?.(h, w);
        return undefined;
      } catch (error) {
        if (!(error instanceof ReconlossError)) throw error;
        return `but its discriminator does not take them: ${error.message}`;
      }
    },
    state: () => discriminator.tensors,
    learner: discriminator,
    score: (o, images) => Object.values(terms(o, images)).reduce((sum, term) => o.add(sum, term)),
    ...(matching > 0 ? { terms } : {}),
  };
}

/** The discriminators that the grammar knows. */
const discriminators = {
  patch: patchGan,
  multiscale: multiscaleDiscriminator,
  unet: ({ features }: { features: number }) => unetDiscriminator({ features }),
  vgg: ({ features }: { features: number }) => vggDiscriminator({ features }),
};

const ganOptions = {
  objective: choice(adversarialObjectives, "vanilla", "what is minimised"),
  relativistic: flag(false, "judge each side by its difference from the other's mean"),
  realLabel: number(1, "what real images should be called (vanilla, lsgan)"),
  fakeLabel: number(0, "what fake images should be called (vanilla, lsgan)"),
  discriminator: choice(
    ["patch", "multiscale", "unet", "vgg"],
    "patch",
    "its network: multiscale is pix2pixHD's; vgg takes 128x128 pixels",
  ),
  features: integer(64, "channels of the discriminator's first layer", { min: 1 }),
  depth: integer(3, "halvings of a patch discriminator: 3 sees 70x70 pixels", { min: 1, max: 6 }),
  scales: integer(2, "sizes that a multiscale discriminator judges", { min: 1, max: 6 }),
  norm: choice(
    norms,
    "batch",
    "normalisation of a patch discriminator; with gp, or of several scales: instance unless said otherwise",
  ),
  matching: number(0, "weight of feature matching, 0 for none; pix2pixHD has 10", { min: 0 }),
  r1: number(0, "gamma of the R1 penalty, 0 for none", { min: 0 }),
  gp: number(0, "lambda of WGAN-GP's penalty, 0 for none; 10 for objective=wgan that nothing else bounds", { min: 0 }),
  every: integer(1, "steps from one penalty to the next", { min: 1 }),
  learningRate: number(2e-4, "of the discriminator's Adam", { above: 0 }),
  seed: integer(1, "where the discriminator's first weights come from", { min: 0 }),
};

/**
 * An adversarial loss by options, as the grammar has it: `parseLoss("l1 + 0.005*gan(objective=hinge,r1=10)")`. {@link adversarial}
 * takes any discriminator.
 *
 * `matching=10` adds {@link featureMatching}, for which the discriminator looks at the targets too; `gan(objective=lsgan,discriminator=multiscale,matching=10)` is what pix2pixHD minimises beside
 * its VGG loss. Both are in `terms`. Of a discriminator that judges at several scales the losses are added up, as there.
 *
 * A weight is averaged down to the size of the logits (and of each layer that is matched), over the pixels nearest to each, and means are weighted by it; a discriminator with one logit
 * for an image has nothing to weight there. The discriminator learns from whole images.
 *
 * @throws {ReconlossError} `invalid-argument` for options that make no sense
 * @example
 * ```ts
 * import { gan } from "@reconloss/core/train";
 * gan({ objective: "hinge", r1: 10, features: 16 }).learners?.length; // 1
 * ```
 */
export const gan = defineLoss<typeof ganOptions, AdversarialOptions>({
  name: "gan",
  summary: "what a network that learns to tell outputs from real images says of them",
  better: "lower",
  source: "Goodfellow et al. 2014 and what came of it; BasicSR gan_loss.GANLoss",
  options: ganOptions,
  defaultsOf: ({ objective, discriminator, norm, r1, gp }) => {
    const bounded = r1 > 0 || norm === "spectral" || discriminator === "unet";
    const penalised = gp > 0 || (objective === "wgan" && !bounded);
    return {
      ...(penalised ? { norm: normFor(true), gp: 10 } : {}),
      ...(discriminator === "multiscale" ? { norm: "instance" } : {}),
    };
  },
  needsTarget: ({ relativistic, matching }) => relativistic || matching > 0,
  define: (options, given = {}) => {
    return generatorSide(new Discriminator({ ...fromOptions(options), ...given }), options.matching);
  },
});

function fromOptions(options: OptionsOf<typeof ganOptions>): AdversarialOptions {
  const { objective, relativistic, realLabel, fakeLabel, features, depth, scales, norm, seed } = options;
  if (options.r1 > 0 && options.gp > 0) {
    throw new ReconlossError("invalid-argument", "gan: there can be one penalty, r1 or gp, not both");
  }
  const every = { every: options.every };
  return {
    objective,
    relativistic,
    realLabel,
    fakeLabel,
    seed,
    discriminator: discriminators[options.discriminator]({ features, depth, scales, norm }),
    optimizer: adam(options.learningRate, { betas: [0.5, 0.999] }),
    penalty: options.r1 > 0 ? r1(options.r1, every) : options.gp > 0 ? wganGp(options.gp, every) : undefined,
  };
}

/**
 * The adversarial game: a loss that is itself a network, learned while a model is trained with it (Goodfellow et al. 2014).
 *
 * As a loss it is the generator's side, a term like any other: `weighted([[1, l1()], [0.005, game]])`. `update` is the discriminator's step;
 * {@link createTrainer} calls it after each of its own. A loss's weight in a sum concerns the generator's side only.
 *
 * @throws {ReconlossError} `invalid-argument` for options that make no sense
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { patchGan } from "@reconloss/core/nets";
 * import { adversarial, r1 } from "@reconloss/core/train";
 * const discriminator = patchGan({ features: 8, depth: 2, norm: "none" });
 * const game = adversarial({ discriminator, objective: "hinge", penalty: r1(10) });
 * const [real, fake] = [Tensor.full([2, 3, 32, 32], 0.75), Tensor.full([2, 3, 32, 32], 0.25)];
 * const { grad } = await game.valueAndGrad(fake); // the generator's side
 * await game.update(real, fake); // one discriminator step
 * ```
 */
export function adversarial(options: AdversarialOptions = {}): AdversarialLoss {
  const { objective, relativistic, realLabel, fakeLabel } = resolveObjective(options);
  const { matching = 0 } = options;
  const loss = gan(
    { objective, relativistic, realLabel, fakeLabel, matching },
    { penalty: undefined, ...withDiscriminator(options) },
  );
  const learner = loss.definition?.learner as Learner;
  const checkpoint = () => writeStates({ discriminator: learner.save() });
  const restore = async (bytes: Uint8Array, file = "checkpoint") => {
    const { states } = await readStates(bytes, file);
    if (states.discriminator === undefined) {
      throw new ReconlossError("checkpoint", `${file}: holds no discriminator`);
    }
    learner.restore(states.discriminator);
  };
  return Object.assign(loss, {
    update: (real: Tensor, fake: Tensor, options?: RunOptions) => learner.update(real, fake, options),
    checkpoint,
    restore,
  });
}
