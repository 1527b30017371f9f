import { checkArguments } from "../arguments.ts";
import type { Definition, Images } from "../definitions/definition.ts";
import { ReconlossError } from "../errors.ts";
import { compile } from "../graph/compile.ts";
import type { Ops } from "../graph/ops.ts";
import { type AnyProgram, type InputDims, outputTensor } from "../graph/program.ts";
import type { Loss } from "../losses/loss.ts";
import { minimisedScore } from "../losses/minimised.ts";
import type { Model } from "../nets/model.ts";
import { Recent } from "../recent.ts";
import { mapValues, prefixed, within } from "../records.ts";
import { checkDevice, type Device } from "../runtimes/index.ts";
import { turns } from "../runtimes/turns.ts";
import { Tensor } from "../tensor.ts";
import { type Adapted, adapted, lastLayerOf } from "./adaptive.ts";
import { checkMetadata, readStates, writeStates } from "./checkpoint.ts";
import { adam, type Optimizer } from "./optimizers.ts";
import type { Schedule } from "./schedules.ts";
import { type Objective, type StepOptions, type StepResult, TrainingStep } from "./step.ts";

/** The options of {@link createTrainer}. */
export interface TrainerOptions {
  model: Model;
  /** The loss to minimise; where higher is better, its `offset` less its value. Terms that learn, such as `adversarial`, learn at every step. */
  loss: Loss;
  /** Default `adam()`. */
  optimizer?: Optimizer;
  /** Default: a constant rate. */
  schedule?: Schedule;
  /** Gradients are scaled down together to at most this norm. Default: they are not. */
  clip?: number;
  /** The decay of a running mean of the weights (EMA), which `apply` then uses. Default: there is none. */
  ema?: number;
  /** The seed of the initial weights. Default 1. */
  seed?: number;
  /** See {@link StepOptions.shards}. */
  shards?: StepOptions["shards"];
  /** The device of the model, the loss and whatever learns beside them: the CPU (default), or with `webgpu` a GPU. */
  device?: Device;
}

/** The results of {@link Trainer.step}. */
export interface TrainerStep {
  /** The number of the step, from 1. */
  readonly step: number;
  /** The minimised value. */
  readonly value: number;
  /** The terms of `value` by label: those of a sum before their weights, the layers of a network, else the value itself. */
  readonly terms: Readonly<Record<string, number>>;
  /** The factors of the terms with an adaptive weight, besides their weights in the sum, by label; empty where there are none. */
  readonly weights: Readonly<Record<string, number>>;
  /** The reports of the terms that learn on their own step, one for each. */
  readonly learned: readonly Readonly<Record<string, number>>[];
  readonly gradientNorm: number;
  /** The model's output for the batch, as it was before the step. */
  readonly output: Tensor;
}

/** A model, a loss and an optimiser, one step after the other. Made by {@link createTrainer}. */
export class Trainer {
  readonly model: Model;
  readonly loss: Loss;
  readonly #step: TrainingStep;
  readonly #device: Device;
  /** The model alone: outside training for any size, and as the step runs it for the last size. */
  readonly #forward = new Recent<AnyProgram>(programsKept);
  readonly #inTurn = turns();
  /** The shapes of the batches that the loss has taken. */
  readonly #checked = new Set<string>();

  constructor(options: TrainerOptions) {
    checkArguments("createTrainer", { options: [options, "object", ["model", "loss"]] });
    const { model, loss, optimizer = adam(), device = "cpu", ...rest } = options;
    checkArguments("createTrainer", {
      model: [model, "object", ["name", "parameters", "buffers", "forward"]],
      loss: [loss, "object", ["spec", "value", "valueAndGrad"]],
    });
    checkDevice("createTrainer", device);
    checkAdaptive(model, loss);
    this.#device = device;
    this.model = model;
    this.loss = loss;
    const { parameters, buffers } = model;
    const objective = <T>(o: Ops<T>, tensors: Readonly<Record<string, T>>, inputs: Readonly<Record<string, T>>) =>
      this.#objective(o, tensors, inputs);
    this.#step = new TrainingStep({
      name: `training ${model.name}`,
      parameters,
      buffers,
      objective,
      optimizer,
      ...rest,
    });
  }

  /** The number of steps taken. */
  get steps(): number {
    return this.#step.steps;
  }

  /** The weights to use: running means where they are kept. */
  get tensors(): Readonly<Record<string, Tensor>> {
    return this.#step.averaged;
  }

  /**
   * Takes one step, after those that were asked for before: the model's, then that of every term that learns.
   *
   * @param input - what the model sees, [n, channels, h, w]
   * @param target - what its output is compared with; may be left out where no term of the loss needs one
   * @throws {ReconlossError} what the loss throws for images that do not fit it; `non-finite`, naming the step, the term and the tensor, when anything but
   * finite numbers comes out: then the step is not taken
   */
  async step(input: Tensor, target?: Tensor): Promise<TrainerStep> {
    checkArguments(`training ${this.model.name}`, { input: [input, "tensor"], target: [target, "tensor?"] });
    return this.#inTurn(() => this.#take(input, target));
  }

  async #take(input: Tensor, target: Tensor | undefined): Promise<TrainerStep> {
    await this.#check(input, target);
    const { definition, learners = [] } = this.loss;
    const taken = definition ? await this.#fusedStep(input, target) : await this.#bridgedStep(input, target);
    const { output, ...others } = taken.outputs;
    const weights = mapValues(within(others, "weight"), ({ data }) => data[0]);
    const { step, loss, report, gradientNorm } = taken;
    const options = { device: this.#device, input, step };
    const learned: Readonly<Record<string, number>>[] = [];
    try {
      for (const learner of learners) learned.push(await learner.update(target ?? output, output, options));
    } catch (error) {
      // All of it or nothing: what was taken before is taken back.
      for (const part of [this.#step, ...learners.slice(0, learned.length)]) part.undo?.();
      throw error;
    }
    return { step, value: loss, terms: report, weights, learned, gradientNorm, output };
  }

  /** The model's output, outside training. */
  async apply(input: Tensor): Promise<Tensor> {
    const { output } = await this.#run(input, this.tensors, false);
    return outputTensor(output);
  }

  /**
   * Everything that a bit-identical continuation needs, as the bytes of a safetensors file.
   *
   * @param metadata - texts that travel with it, under names that the training does not use itself (`network`, `loss`, `... steps`)
   * @throws {ReconlossError} `invalid-argument` for other metadata
   */
  checkpoint(metadata: Readonly<Record<string, string>> = {}): Uint8Array {
    const facts = { network: this.model.name, loss: this.loss.spec };
    checkMetadata(metadata, Object.keys(facts));
    const learners = (this.loss.learners ?? []).map((learner, index) => [`learner ${index}`, learner.save()] as const);
    return writeStates({ model: this.#step.save(), ...Object.fromEntries(learners) }, { ...metadata, ...facts });
  }

  /**
   * Continues from a checkpoint, and gives its metadata.
   *
   * @param file - what errors call it
   * @throws {ReconlossError} `checkpoint` for bytes that are damaged or of another training; then nothing is changed
   */
  async restore(bytes: Uint8Array, file = "checkpoint"): Promise<Readonly<Record<string, string>>> {
    checkArguments("restore", { bytes: [bytes, "bytes"], file: [file, "text"] });
    return this.#inTurn(() => this.#restore(bytes, file));
  }

  async #restore(bytes: Uint8Array, file: string): Promise<Readonly<Record<string, string>>> {
    const { states, metadata } = await readStates(bytes, file);
    const learners = this.loss.learners ?? [];
    const names = ["model", ...learners.map((_, index) => `learner ${index}`)];
    const missing = names.find((name) => states[name] === undefined);
    if (missing !== undefined || Object.keys(states).length !== names.length) {
      const found = Object.keys(states).join(", ");
      throw new ReconlossError("checkpoint", `${file}: expected the states ${names.join(", ")}, found ${found}`);
    }
    const before = [this.#step.save(), ...learners.map((learner) => learner.save())];
    const parts = [this.#step, ...learners];
    try {
      for (const [index, part] of parts.entries()) part.restore(states[names[index]]);
    } catch (error) {
      for (const [index, part] of parts.entries()) part.restore(before[index]);
      throw error;
    }
    return metadata;
  }

  /** The first batch of its shape goes through the loss itself, which knows what images it refuses. */
  async #check(input: Tensor, target: Tensor | undefined): Promise<void> {
    if (!this.loss.needsTarget && target === undefined) return;
    const shapes = JSON.stringify([input.shape, target?.shape]);
    if (this.#checked.has(shapes)) return;
    await this.loss.value(await this.apply(input), target, { device: this.#device, input });
    this.#checked.add(shapes);
  }

  /** Model, loss and optimiser in one program. */
  async #fusedStep(input: Tensor, target: Tensor | undefined): Promise<StepResult> {
    const { definition } = this.loss;
    await definition?.prepare?.();
    const state = prefixed(definition?.state?.(this.steps + 1) ?? {}, "state");
    return this.#step.run({ input, ...(target ? { target } : {}), ...state }, "", { device: this.#device });
  }

  /** For a loss that is not one graph: it gives the gradient of the output, and a program the gradients of the weights for that. */
  async #bridgedStep(input: Tensor, target: Tensor | undefined): Promise<StepResult> {
    const { output } = await this.#run(input, this.#step.current, true);
    const { value, grad, terms } = await this.loss.valueAndGrad(outputTensor(output), target, {
      device: this.#device,
      input,
      step: this.steps + 1,
    });
    const sign = this.loss.better === "higher" ? -1 : 1;
    const gradient =
      sign === 1
        ? grad
        : new Tensor(
            grad.data.map((x) => -x),
            grad.shape,
          );
    const taken = await this.#step.run({ input, gradient }, "", { device: this.#device });
    const minimised = sign === 1 ? value : this.loss.offset - value;
    return { ...taken, loss: minimised, report: sign === 1 ? terms : { [this.loss.label]: minimised } };
  }

  #objective<T>(o: Ops<T>, tensors: Readonly<Record<string, T>>, inputs: Readonly<Record<string, T>>): Objective<T> {
    const { input } = inputs;
    if (inputs.gradient !== undefined) {
      const { output, buffers } = this.model.forward(o, input, tensors, true);
      return { loss: o.sum(o.mul(output, inputs.gradient), "nchw"), buffers, outputs: { output } };
    }
    const definition = this.loss.definition as NonNullable<Loss["definition"]>;
    const state = within(inputs, "state");
    const imagesOf = (output: T): Images<T> => ({ output, target: inputs.target ?? output, input, state });
    const { forward, loss, weights } = this.#minimised(o, definition, tensors, input, imagesOf);
    const { output, buffers } = forward;
    const terms = definition.terms?.(o, imagesOf(output));
    return {
      loss,
      buffers,
      report: terms ? mapValues(terms, (score) => o.mean(score, "n")) : { [this.loss.label]: loss },
      outputs: { output, ...prefixed(weights, "weight") },
    };
  }

  /** A pass through the model, and what is minimised. */
  #minimised<T>(
    o: Ops<T>,
    definition: Definition,
    tensors: Readonly<Record<string, T>>,
    input: T,
    imagesOf: (output: T) => Images<T>,
  ): Adapted<T> {
    const { model } = this;
    const sum = definition.adapted;
    if (sum !== undefined) {
      return adapted(o, { model, sum, lastLayer: lastLayerOf(model) }, tensors, input, imagesOf);
    }
    const forward = model.forward(o, input, tensors, true);
    const scores = definition.score(o, imagesOf(forward.output));
    return { forward, loss: minimisedScore(o, this.loss, definition, scores), weights: {} };
  }

  /** The model alone with these tensors: in training for the very size of the step's batch, else for any size. */
  async #run(input: Tensor, tensors: Readonly<Record<string, Tensor>>, training: boolean) {
    const dims: InputDims = training ? input.shape : ["n", input.shape[1], "h", "w"];
    const build = <T>(o: Ops<T>, values: Record<string, T>) => ({
      output: this.model.forward(o, values[inputName], values, training).output,
    });
    const program = await this.#forward.get(JSON.stringify([dims, training]), () =>
      compile<string, string>({ ...mapValues(tensors, ({ shape }) => shape), [inputName]: dims }, build, {
        device: this.#device,
      }),
    );
    return program.run({ ...tensors, [inputName]: input });
  }
}

/** Refuses an adaptive weight that has nothing to follow from. */
function checkAdaptive(model: Model, { definition, spec }: Loss): void {
  if (definition?.adapted) lastLayerOf(model);
  if (!definition?.adaptive) return;
  const problem = `the weight of ${spec} is adaptive, which needs other terms beside it, such as "l1 + ${spec}"`;
  throw new ReconlossError("invalid-argument", `createTrainer: ${problem}`);
}

/** The image among a program's inputs, which otherwise are named as the network's tensors. */
const inputName = "input";
const programsKept = 2;

/**
 * Trains a model with any loss. One step is one native program: the model, the loss, their gradients and the optimiser.
 *
 * @example
 * ```ts
 * import { parseLoss, Tensor } from "@reconloss/core";
 * import { constant, type Model } from "@reconloss/core/nets";
 * import { adam, createTrainer } from "@reconloss/core/train";
 * const gain: Model = {
 *   name: "gain",
 *   parameters: { gain: { shape: [3], initialize: constant(1) } },
 *   buffers: {},
 *   forward: (o, x, { gain }) => ({ output: o.mul(x, gain), buffers: {} }),
 * };
 * const trainer = createTrainer({ model: gain, loss: parseLoss("l1 + 0.1*ssim"), optimizer: adam(1e-3) });
 * const [dark, light] = [Tensor.full([1, 3, 12, 12], 0.25), Tensor.full([1, 3, 12, 12], 0.5)];
 * const { terms } = await trainer.step(dark, light);
 * terms.l1; // 0.25
 * trainer.steps; // 1
 * ```
 */
export function createTrainer(options: TrainerOptions): Trainer {
  return new Trainer(options);
}
