import type { Learner, TrainingState, UpdateOptions } from "../definitions/learner.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import {
  type Discriminate,
  discriminatorLoss,
  gradientPenalty,
  imageGradient,
  type ObjectiveOptions,
  r1Penalty,
} from "../losses/adversarial/index.ts";
import type { Forward, Model } from "../nets/model.ts";
import { Random } from "../random.ts";
import { mapValues, prefixed, within } from "../records.ts";
import { Tensor } from "../tensor.ts";
import { counted } from "../text.ts";
import type { Optimizer } from "./optimizers.ts";
import type { Penalty } from "./penalties.ts";
import type { Schedule } from "./schedules.ts";
import { type Objective, type StepOptions, TrainingStep } from "./step.ts";

/** The parts of a {@link Discriminator}. */
export interface DiscriminatorOptions {
  readonly model: Model;
  readonly objective: Required<ObjectiveOptions>;
  readonly penalties: readonly Penalty[];
  /** Whether it is shown what the outputs were made of before the images, along the channels. */
  readonly conditional: boolean;
  /** The decay of a running mean of its weights (EMA); 0: there is none. */
  readonly ema: number;
  readonly optimizer: Optimizer;
  readonly schedule?: Schedule;
  readonly seed: number;
  readonly shards?: StepOptions["shards"];
}

/** The name of each penalty in the report of a step. */
const reportName = { r1: "penalty", "gradient-penalty": "penalty", r2: "fakePenalty" } as const;

/** The prefix of the running means of the weights in the state. */
const means = "ema";

/** Pixels in [0, 1] as discriminators see them. */
function shown<T>(o: Ops<T>, image: T): T {
  return o.sub(o.mul(image, 2), 1);
}

/** The logits at all scales, the finest first. */
export function logitsOf<T>({ output, coarser = [] }: Forward<T>): readonly T[] {
  return [output, ...coarser];
}

/** Settings that may keep a discriminator from learning, as the papers warn. */
function notesOn({ model, objective, penalties }: DiscriminatorOptions): string[] {
  const { parameters, buffers } = model;
  const has = (tensors: Model["buffers"], part: string) => Object.keys(tensors).some((name) => name.endsWith(part));
  const notes: string[] = [];
  const isSpectral = has(parameters, "weight_orig");
  if (objective.objective === "wgan" && penalties.length === 0 && !isSpectral) {
    notes.push(
      "gan: nothing bounds a wgan discriminator without gp, r1, r2 or norm=spectral; its loss may grow without end (Arjovsky et al. 2017, section 3)",
    );
  }
  if (penalties.some(({ kind }) => kind === "gradient-penalty") && has(buffers, "running_mean")) {
    notes.push(
      "gan: gp is a penalty on each image by itself, but the discriminator's batch norm makes images depend on each other; take norm=instance or none (Gulrajani et al. 2017, section 4)",
    );
  }
  return notes;
}

/** A discriminator that learns to tell real from fake. */
export class Discriminator implements Learner {
  readonly notes: readonly string[];
  readonly #options: DiscriminatorOptions;
  readonly #step: TrainingStep;

  constructor(options: DiscriminatorOptions) {
    const { model, optimizer, schedule, ema, seed, shards } = options;
    this.#options = options;
    this.notes = notesOn(options);
    this.#step = new TrainingStep({
      name: `adversarial ${model.name}`,
      parameters: model.parameters,
      buffers: model.buffers,
      objective: (o, tensors, inputs, variant) => this.#loss(o, tensors, inputs, variant.split(" ")),
      optimizer,
      schedule,
      ...(ema > 0 && { ema }),
      seed,
      shards,
    });
  }

  get model(): Model {
    return this.#options.model;
  }

  get objective(): Required<ObjectiveOptions> {
    return this.#options.objective;
  }

  get conditional(): boolean {
    return this.#options.conditional;
  }

  /** Its tensors as they are now, to be used before its next step but one, and the running means of its weights where they are kept. */
  get tensors(): Readonly<Record<string, Tensor>> {
    const { current, means: averaged } = this.#step;
    return { ...current, ...prefixed(averaged, means) };
  }

  async update(
    real: Tensor,
    fake: Tensor,
    { device, input }: UpdateOptions = {},
  ): Promise<Readonly<Record<string, number>>> {
    const { penalties, seed, conditional } = this.#options;
    const step = this.#step.steps + 1;
    const due = penalties.filter(({ every }) => (step - 1) % every === 0).map(({ kind }) => kind);
    const inputs: Record<string, Tensor> = { real, fake };
    if (conditional) inputs.input = conditionOf(input);
    if (due.includes("gradient-penalty")) {
      const random = new Random(seed, "alpha", step);
      const count = real.shape[0];
      inputs.alpha = Tensor.from(
        Array.from({ length: count }, () => random.uniform()),
        [count, 1, 1, 1],
      );
    }
    const { report } = await this.#step.run(inputs, due.join(" "), { device });
    return report;
  }

  undo(): void {
    this.#step.undo();
  }

  save(): TrainingState {
    return this.#step.save();
  }

  restore(state: TrainingState): void {
    this.#step.restore(state);
  }

  /**
   * Its logits for images in [0, 1], as the generator meets it: by the batch's statistics, which leave no trace.
   *
   * @param tensors - {@link Discriminator.tensors}
   * @param input - what the images were made of, where it is conditional
   */
  judge<T>(o: Ops<T>, image: T, tensors: Readonly<Record<string, T>>, input?: T): Forward<T> {
    return this.#forward(o, shown(o, image), tensors, this.#condition(o, image, input));
  }

  /** The same, by the running means of its weights where they are kept: what feature matching compares. */
  judgeByMeans<T>(o: Ops<T>, image: T, tensors: Readonly<Record<string, T>>, input?: T): Forward<T> {
    return this.judge(o, image, { ...tensors, ...within(tensors, means) }, input);
  }

  /** The condition before the images' own channels: the model's input, in the images' size. */
  #condition<T>(o: Ops<T>, image: T, input?: T): T | undefined {
    if (!this.conditional) return undefined;
    const given = conditionOf(input);
    const [channels, expected] = [given, image].map((x) => o.dims(x)[1]);
    if (channels !== expected) {
      throw new ReconlossError(
        "shape",
        `gan: conditional shows the model's input beside images of ${counted(Number(expected), "channel", "channels")}, so it must have as many, got ${channels}`,
      );
    }
    return shown(o, o.resize(given, image));
  }

  #forward<T>(o: Ops<T>, image: T, tensors: Readonly<Record<string, T>>, condition?: T): Forward<T> {
    return this.model.forward(o, condition === undefined ? image : o.concat([condition, image]), tensors, true);
  }

  #loss<T>(
    o: Ops<T>,
    tensors: Readonly<Record<string, T>>,
    inputs: Readonly<Record<string, T>>,
    due: readonly string[],
  ): Objective<T> {
    const [real, fake] = [shown(o, inputs.real), shown(o, inputs.fake)];
    const condition = this.#condition(o, inputs.real, inputs.input);
    /** The logits of images and their slope, which costs nothing where no penalty needs it. */
    const look = (image: T, given: Readonly<Record<string, T>>) => {
      let seen: { readonly logits: readonly T[]; readonly buffers: Readonly<Record<string, T>> } | undefined;
      const discriminate: Discriminate<T> = ({ o, lift }, x) => {
        const forward = this.#forward(o, x, mapValues(given, lift), condition && lift(condition));
        const logits = logitsOf(forward);
        seen ??= {
          logits: logits.map(({ value }) => value),
          buffers: mapValues(forward.buffers, ({ value }) => value),
        };
        if (logits.length === 1) return forward.output;
        return logits.map((scale) => o.sum(scale, "chw")).reduce((sum, scale) => o.add(sum, scale));
      };
      const { gradient } = imageGradient(o, discriminate, image);
      return { ...(seen as NonNullable<typeof seen>), gradient, discriminate };
    };
    const seenReal = look(real, tensors);
    const seenFake = look(fake, { ...tensors, ...seenReal.buffers });
    const scales = seenFake.logits.map((fake, scale) => {
      return discriminatorLoss(o, { real: seenReal.logits[scale], fake }, this.objective);
    });
    const overScales = (half: "real" | "fake") => scales.map((own) => own[half]).reduce((sum, own) => o.add(sum, own));
    const halves = { real: overScales("real"), fake: overScales("fake") };
    const penaltyOf = {
      r1: () => r1Penalty(o, seenReal.gradient),
      r2: () => r1Penalty(o, seenFake.gradient),
      "gradient-penalty": () => gradientPenalty(o, seenReal.discriminate, { real, fake, alpha: inputs.alpha }),
    };
    const report: Record<string, T> = { ...halves };
    let loss = o.add(halves.real, halves.fake);
    for (const { kind, weight, every } of this.#options.penalties) {
      if (!due.includes(kind)) continue;
      const penalty = penaltyOf[kind]();
      report[reportName[kind]] = penalty;
      loss = o.add(loss, o.mul(penalty, weight * every));
    }
    return { loss, buffers: { ...seenReal.buffers, ...seenFake.buffers }, report };
  }
}

/** The model's input, or an error that says who needs it. */
function conditionOf<V>(input: V | undefined): V {
  if (input !== undefined) return input;
  throw new ReconlossError(
    "invalid-argument",
    "gan: conditional compares outputs with the inputs that they were made from; the option input is missing",
  );
}
