import type { Definition, Images } from "../definitions/definition.ts";
import type { Learner, UpdateOptions } from "../definitions/learner.ts";
import { choice, flag, flagOr, integer, number, type OptionsOf } from "../definitions/options.ts";
import { batchMean, layerWeight, weightedMean } from "../definitions/pixel-weights.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import {
  adversarialObjectives,
  featureMatching,
  generatorLoss,
  type ObjectiveOptions,
  resolveObjective,
} from "../losses/adversarial/index.ts";
import { defineLoss, type Loss } from "../losses/loss.ts";
import type { Model } from "../nets/model.ts";
import { multiscaleDiscriminator } from "../nets/multiscale-discriminator.ts";
import { norms, patchGan } from "../nets/patch-gan.ts";
import { unetDiscriminator } from "../nets/unet-discriminator.ts";
import { vggDiscriminator } from "../nets/vgg-discriminator.ts";
import type { Tensor } from "../tensor.ts";
import { counted } from "../text.ts";
import { readStates, writeStates } from "./checkpoint.ts";
import { Discriminator, logitsOf } from "./discriminator.ts";
import { adam, type Optimizer } from "./optimizers.ts";
import { type Penalty, r1, r2, wganGp } from "./penalties.ts";
import type { Schedule } from "./schedules.ts";
import type { StepOptions } from "./step.ts";

/** The options of {@link adversarial}. */
export interface AdversarialOptions extends ObjectiveOptions {
  /** Sees images in [-1, 1]. Default `patchGan()`, with instance norm where the penalty is WGAN-GP's; of six channels where it is conditional. */
  discriminator?: Model;
  /**
   * Whether the discriminator sees what the outputs were made of as well: the model's input, in the images' size, and then the image, along the channels, as in pix2pix
   * (Isola et al. 2017). The input has as many channels as the images; `update` and every evaluation take it as the option `input`. Default false.
   */
  conditional?: boolean;
  /** One penalty or several, such as `[r1(10), r2(10)]`. Default: none; `wganGp()` for the objective `wgan` where the discriminator is the default one. */
  penalty?: Penalty | readonly Penalty[];
  /** The weight of {@link featureMatching} on the generator's side: pix2pixHD has 10. Default 0, none. */
  matching?: number;
  /** The decay of a running mean of the discriminator's weights (EMA), whose features `matching` compares, so that they change slowly. Default 0: none, the weights as they are. */
  ema?: number;
  /**
   * Whether a trainer multiplies the weight of this term, at each step, by how long the gradient of the terms beside it is at the model's last layer, over how long this one's is there (Esser et al. 2021, VQGAN,
   * equation 7): |rest| / (|this| + 1e-4), at most 1e4, without a gradient of its own. Elsewhere than in a trainer it is 1. Default false.
   */
  adaptive?: boolean;
  /** The discriminator's; default Adam with the learning rate 2e-4 and betas 0.5 and 0.999. */
  optimizer?: Optimizer;
  /** Default: a constant rate. */
  schedule?: Schedule;
  /** The seed of the discriminator's initial weights and of the points of WGAN-GP. Default 1. */
  seed?: number;
  /** See {@link StepOptions.shards}. */
  shards?: StepOptions["shards"];
}

/** A loss against a discriminator that learns: {@link Loss} is the generator's side, these the discriminator's. */
export interface AdversarialLoss extends Loss {
  /**
   * One step of the discriminator.
   *
   * @param real - images as they should be, [n, 3, h, w] in [0, 1]
   * @param fake - outputs of the model
   * @param options - `device`: where it is computed, by default `cpu`; `input`: what the outputs were made of, for a conditional one
   * @returns `real` and `fake`, the two halves of its loss, and where there was one at this step `penalty`, R1's or WGAN-GP's, and `fakePenalty`, R2's
   */
  update(real: Tensor, fake: Tensor, options?: UpdateOptions): Promise<Readonly<Record<string, number>>>;
  /** The discriminator and its optimiser, as the bytes of a safetensors file. */
  checkpoint(): Uint8Array;
  /** @throws {ReconlossError} `checkpoint` for bytes that are damaged or of another discriminator */
  restore(bytes: Uint8Array, file?: string): Promise<void>;
}

/** The normalisation of a patch discriminator: WGAN-GP's penalty is on each image by itself, which a batch norm makes depend on the others. */
const normFor = (gradientPenalty: boolean) => (gradientPenalty ? "instance" : "batch");

/** The penalties that options name. */
function penaltiesOf({ penalty }: AdversarialOptions): readonly Penalty[] {
  return penalty === undefined ? [] : [penalty].flat();
}

/** A discriminator where none is given, with the penalty and the normalisation that the objective needs. */
function withDiscriminator<Options extends AdversarialOptions>(options: Options) {
  if (options.discriminator !== undefined) return { ...options, discriminator: options.discriminator };
  const { penalty = options.objective === "wgan" ? wganGp() : undefined } = options;
  const norm = normFor(penaltiesOf({ penalty }).some(({ kind }) => kind === "gradient-penalty"));
  return { ...options, penalty, discriminator: patchGan({ norm, inputs: options.conditional ? 6 : 3 }) };
}

function discriminatorOf(options: AdversarialOptions): Discriminator {
  const given = withDiscriminator(options);
  const { discriminator, conditional = false, ema = 0, matching = 0, schedule, seed = 1, shards } = given;
  const { optimizer = adam(2e-4, { betas: [0.5, 0.999] }), ...objective } = options;
  const refuse = (problem: string) => new ReconlossError("invalid-argument", `gan: ${problem}`);
  const penalties = penaltiesOf(given);
  const kinds = penalties.map(({ kind }) => kind);
  if (kinds.some((kind, index) => kinds.indexOf(kind) < index)) throw refuse("each kind of penalty may be given once");
  if (kinds.includes("gradient-penalty") && kinds.length > 1) {
    throw refuse("only one kind of penalty may be given: gp, or r1 and r2");
  }
  if (ema > 0 && matching === 0)
    throw refuse("ema applies only to the layers that matching compares, but matching is not set");
  return new Discriminator({
    model: discriminator,
    objective: resolveObjective(objective),
    penalties,
    conditional,
    ema,
    optimizer,
    schedule,
    seed,
    shards,
  });
}

interface GeneratorOptions {
  readonly matching: number;
  readonly adaptive: boolean;
  /** Of the images, where that is known. */
  readonly channels?: number;
}

/** The generator's side as mathematics: the discriminator's tensors are its state. */
function generatorSide(discriminator: Discriminator, { matching, adaptive, channels }: GeneratorOptions): Definition {
  const { objective, conditional } = discriminator;
  const terms = <T>(
    o: Ops<T>,
    { output, target, weight, share, state = {}, input }: Images<T>,
  ): Readonly<Record<string, T>> => {
    const fake = discriminator.judge(o, output, state, input);
    const real = objective.relativistic ? discriminator.judge(o, target, state, input) : undefined;
    const ofImages = (x: T) => weightedMean(o, x, weight && layerWeight(o, weight, x), "chw");
    const mean = (logits: T) => batchMean(o, ofImages(logits), share);
    const scales = logitsOf(fake).map((fake, scale) => {
      const logits = { fake, real: real && logitsOf(real)[scale], mean };
      return generatorLoss(o, logits, objective);
    });
    const sum = scales.reduce((sum, scale) => o.add(sum, scale));
    // The loss is one number of the batch; each image's value is that number.
    const adversarial = o.expand(sum, o.mean(output, "chw"));
    if (matching === 0) return { adversarial };
    const [ofFake, ofReal] = [output, target].map((x) => discriminator.judgeByMeans(o, x, state, input).features);
    if (ofFake === undefined || ofReal === undefined) {
      const { name } = discriminator.model;
      throw new ReconlossError("invalid-argument", `gan: the discriminator ${name} has no layers to match (features)`);
    }
    const distance = featureMatching(o, { fake: ofFake, real: ofReal, mean: ofImages });
    return { adversarial, matching: o.mul(distance, matching) };
  };
  return {
    refuse: ([, c, h, w]) => {
      if (channels !== undefined && c !== channels) {
        return `but its discriminator takes images of ${counted(channels, "channel", "channels")}, unless its option says channels=${c}`;
      }
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
    needsInput: conditional,
    adaptive,
    score: (o, images) => Object.values(terms(o, images)).reduce((sum, term) => o.add(sum, term)),
    ...(matching > 0 ? { terms } : {}),
  };
}

interface NetworkOptions {
  readonly inputs: number;
  readonly features: number;
}

/** The discriminators that the grammar knows. */
const discriminators = {
  patch: patchGan,
  multiscale: multiscaleDiscriminator,
  unet: ({ inputs, features }: NetworkOptions) => unetDiscriminator({ inputs, features }),
  vgg: ({ inputs, features }: NetworkOptions) => vggDiscriminator({ inputs, features }),
};

const ganOptions = {
  objective: choice(adversarialObjectives, "vanilla", "what is minimised"),
  relativistic: flagOr(
    "paired",
    false,
    "judge each side by its difference from the other's mean; paired: from the other's image beside it, as R3GAN",
  ),
  realLabel: number(1, "what real images should be called (vanilla, lsgan)"),
  fakeLabel: number(0, "what fake images should be called (vanilla, lsgan)"),
  discriminator: choice(
    ["patch", "multiscale", "unet", "vgg"],
    "patch",
    "its network: multiscale is pix2pixHD's; vgg takes 128x128 pixels",
  ),
  conditional: flag(false, "show it the network's input beside each image, as pix2pix"),
  channels: integer(3, "channels of the images, 1 for grey ones", { min: 1 }),
  features: integer(64, "channels of the discriminator's first layer", { min: 1 }),
  depth: integer(3, "halvings of a patch discriminator: 3 sees 70x70 pixels", { min: 1, max: 6 }),
  scales: integer(2, "sizes that a multiscale discriminator judges", { min: 1, max: 6 }),
  norm: choice(
    norms,
    "batch",
    "normalisation of a patch discriminator; with gp, or of several scales: instance unless said otherwise",
  ),
  matching: number(0, "weight of feature matching, 0 for none; pix2pixHD has 10", { min: 0 }),
  ema: number(0, "how much of a running mean of its weights is kept, for matching to look through; 0 for none", {
    min: 0,
    below: 1,
  }),
  adaptive: flag(false, "set its weight at each step by gradients at the network's last layer, as VQGAN"),
  r1: number(0, "gamma of the R1 penalty, on real images, 0 for none", { min: 0 }),
  r2: number(0, "gamma of the R2 penalty, on outputs, 0 for none", { min: 0 }),
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
 * its VGG loss. Both are in `terms`. Of a discriminator that judges at several scales the losses are added up, as there. With `ema` the layers are those of a running mean of its weights.
 *
 * `relativistic=paired` with `r1` and `r2` is R3GAN's loss (Huang et al. 2024); `conditional=true` shows the discriminator what the outputs were made of beside each image, as pix2pix (Isola et al. 2017), which every
 * call then takes as the option `input`; `adaptive=true` is VQGAN's weight (Esser et al. 2021, equation 7), which a trainer sets at each step by gradients at the model's last layer (`Model.lastLayer`), and which is 1 elsewhere.
 *
 * A weight is averaged down to the size of the logits (and of each layer that is matched), over the pixels nearest to each, and means are weighted by it; a discriminator with one logit
 * for an image has nothing to weight there. The discriminator learns from whole images.
 *
 * @throws {ReconlossError} `invalid-argument` for options that make no sense; of a call, for a conditional discriminator without `input`, `shape` for one that does not stand beside the images
 * @example
 * ```ts
 * import { gan } from "@reconloss/core/train";
 * gan({ objective: "hinge", r1: 10, features: 16 }).learners?.length; // 1
 * ```
 */
export const gan = defineLoss<typeof ganOptions, AdversarialOptions>({
  name: "gan",
  summary: "what a network that learns to tell outputs from real images says of them",
  formula: "mean -log sigmoid(D(x)); D the discriminator",
  use: "Beside `l1` and `lpips`, with a small weight, for crisp texture, even if it was not there. Takes much training, and care.",
  better: "lower",
  source: "Goodfellow et al. 2014 and what came of it; BasicSR gan_loss.GANLoss",
  options: ganOptions,
  defaultsOf: ({ objective, discriminator, norm, r1, r2, gp }) => {
    const bounded = r1 > 0 || r2 > 0 || norm === "spectral" || discriminator === "unet";
    const penalised = gp > 0 || (objective === "wgan" && !bounded);
    return {
      ...(penalised ? { norm: normFor(true), gp: 10 } : {}),
      ...(discriminator === "multiscale" ? { norm: "instance" } : {}),
    };
  },
  needsTarget: ({ relativistic, matching }) => relativistic !== false || matching > 0,
  define: (options, given = {}) => {
    const channels = given.discriminator === undefined ? options.channels : undefined;
    return generatorSide(discriminatorOf({ ...fromOptions(options), ...given }), { ...options, channels });
  },
});

function fromOptions(options: OptionsOf<typeof ganOptions>): AdversarialOptions {
  const { objective, relativistic, realLabel, fakeLabel, conditional, matching, ema, seed } = options;
  const { features, depth, scales, norm, channels } = options;
  const every = { every: options.every };
  const inputs = conditional ? 2 * channels : channels;
  return {
    objective,
    relativistic,
    realLabel,
    fakeLabel,
    conditional,
    matching,
    ema,
    seed,
    discriminator: discriminators[options.discriminator]({ inputs, features, depth, scales, norm }),
    optimizer: adam(options.learningRate, { betas: [0.5, 0.999] }),
    penalty: [
      ...(options.r1 > 0 ? [r1(options.r1, every)] : []),
      ...(options.r2 > 0 ? [r2(options.r2, every)] : []),
      ...(options.gp > 0 ? [wganGp(options.gp, every)] : []),
    ],
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
  const { matching = 0, conditional = false, ema = 0, adaptive = false } = options;
  const loss = gan(
    { objective, relativistic, realLabel, fakeLabel, matching, conditional, ema, adaptive },
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
    update: (real: Tensor, fake: Tensor, options?: UpdateOptions) => learner.update(real, fake, options),
    checkpoint,
    restore,
  });
}
