import { checkArguments } from "../arguments.ts";
import type { TrainingState } from "../definitions/learner.ts";
import { ReconlossError } from "../errors.ts";
import { differentiate, type Traced } from "../graph/autodiff.ts";
import { compile } from "../graph/compile.ts";
import type { Ops } from "../graph/ops.ts";
import { type AnyProgram, outputTensor } from "../graph/program.ts";
import { dimsOf, initialize, type TensorSpec } from "../nets/tensors.ts";
import { Random } from "../random.ts";
import { Recent } from "../recent.ts";
import { filtered, mapValues, prefixed, within } from "../records.ts";
import { checkDevice, type Device, loadRuntime } from "../runtimes/index.ts";
import { turns } from "../runtimes/turns.ts";
import { firstNonFinite, formatShape, type Shape, sameShape, Tensor } from "../tensor.ts";
import type { Optimizer } from "./optimizers.ts";
import { constantRate, type Schedule } from "./schedules.ts";
import { changed, compileShards, planShards, type StepInputs, type StepMathematics } from "./shards.ts";

/** The objective of a step, and its other results. */
export interface Objective<T> {
  /** [1, 1, 1, 1]. */
  readonly loss: T;
  /** New values of buffers. */
  readonly buffers?: Readonly<Record<string, T>>;
  /** Numbers to report, each [1, 1, 1, 1]. */
  readonly report?: Readonly<Record<string, T>>;
  /** Image batches to give back. */
  readonly outputs?: Readonly<Record<string, T>>;
}

/**
 * A step's mathematics: from the values of all tensors and of the inputs, by name. `variant` is what the run was asked for. Inputs have a part for each image along
 * their first axis, but for those named `state/...`.
 */
export type ObjectiveFunction = <T>(
  o: Ops<T>,
  tensors: Readonly<Record<string, T>>,
  inputs: Readonly<Record<string, T>>,
  variant: string,
) => Objective<T>;

/** The parts of a {@link TrainingStep}. */
export interface StepOptions {
  /** Its name in errors. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, TensorSpec>>;
  readonly buffers?: Readonly<Record<string, TensorSpec>>;
  readonly objective: ObjectiveFunction;
  readonly optimizer: Optimizer;
  /** Default: a constant rate. */
  readonly schedule?: Schedule;
  /** Gradients are scaled down together to at most this norm, as `torch.nn.utils.clip_grad_norm_`. Default: they are not. */
  readonly clip?: number;
  /** The decay of a running mean of the parameters (EMA). Default: there is none. */
  readonly ema?: number;
  /** The seed of the initial values; each tensor draws from its own stream. Default 1. */
  readonly seed?: number;
  /**
   * In how many parts a batch is computed at once, each in a thread of its own, where its images do not depend on each other (with batch norm they do) and the optimiser is
   * elementwise. The same number gives the same bits. Default: one for each core, and 1 for batches of fewer values than there are parameters.
   */
  readonly shards?: number;
}

/** Options of one call of {@link TrainingStep}. */
export interface RunOptions {
  /** The device: the CPU (default), or a GPU through WebGPU, where batches are not divided among threads. */
  readonly device?: Device;
}

/** The results of a step. */
export interface StepResult {
  /** The number of the step, from 1. */
  readonly step: number;
  readonly loss: number;
  readonly report: Readonly<Record<string, number>>;
  /** Of all gradients together, before they are clipped. */
  readonly gradientNorm: number;
  readonly outputs: Readonly<Record<string, Tensor>>;
}

function checkWithin(
  name: string,
  argument: string,
  value: number | undefined,
  is: (value: number) => boolean,
  words: string,
): void {
  if (value === undefined || is(value)) return;
  throw new ReconlossError("invalid-argument", `${name}: ${argument} must be ${words}, got ${value}`);
}

/** The kinds of tensors in a step's state; a name in the state, and of a program's input, is `kind/name`. */
const kinds = { parameter: "parameter", buffer: "buffer", ema: "ema", memory: "memory" };
const programsKept = 4;
type Purpose = "update" | "gradients";
/** Inputs with names that begin so are the same for every image. */
const sharedInputs = "state";

/**
 * A training step, compiled to one native program: in go the batch and the state, out come the losses and the new state. A step that
 * would leave anything but finite numbers is not taken. {@link createTrainer} is the way to train a model with a loss; this is for
 * anything else that can be written as an objective.
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { constant } from "@reconloss/core/nets";
 * import { sgd, TrainingStep } from "@reconloss/core/train";
 * const step = new TrainingStep({
 *   name: "mean",
 *   parameters: { mean: { shape: [1], initialize: constant(0) } },
 *   objective: (o, { mean }, { x }) => ({ loss: o.mean(o.square(o.sub(x, mean)), "nchw") }),
 *   optimizer: sgd(0.5, { momentum: 0 }),
 * });
 * await step.run({ x: Tensor.full([1, 1, 2, 2], 3) });
 * step.tensors.mean.data[0]; // 3: half the gradient of a square leads to its minimum
 * ```
 */
export class TrainingStep {
  readonly #options: StepOptions;
  readonly #programs = new Recent<AnyProgram>(programsKept);
  readonly #inTurn = turns();
  #state: Readonly<Record<string, Tensor>>;
  /** The arrays of the state before, to write the next one into, where nobody else can have them. */
  #spare?: Readonly<Record<string, Tensor>>;
  /** The state before the last step, until another one begins. */
  #before?: Readonly<Record<string, Tensor>>;
  /** Whether somebody else may have the arrays of the current state; its first tensors share some. */
  #lent = true;
  #steps = 0;

  constructor(options: StepOptions) {
    checkArguments("TrainingStep", { options: [options, "object", ["parameters", "optimizer", "objective"]] });
    this.#options = options;
    const {
      name = "TrainingStep",
      parameters,
      buffers = {},
      optimizer,
      schedule,
      clip,
      ema,
      seed = 1,
      shards,
    } = options;
    checkArguments(name, {
      optimizer: [optimizer, "object", ["slots", "numbers", "update"]],
      schedule: [schedule, "function?"],
      clip: [clip, "number?"],
      ema: [ema, "number?"],
      seed: [seed, "number"],
      shards: [shards, "count?"],
    });
    checkWithin(name, "clip", clip, (value) => value > 0, "above 0");
    checkWithin(name, "ema", ema, (value) => value >= 0 && value < 1, "in [0, 1)");
    checkWithin(name, "shards", shards, (value) => value > 0, "at least 1");
    const first = (specs: Readonly<Record<string, TensorSpec>>) => {
      const values = initialize(specs, (name) => new Random(seed, name));
      return mapValues(specs, (spec, name) => new Tensor(values[name], dimsOf(spec)));
    };
    const start = first(parameters);
    const zeros = mapValues(start, ({ shape }) => Tensor.full(shape, 0));
    this.#state = {
      ...prefixed(start, kinds.parameter),
      ...prefixed(first(buffers), kinds.buffer),
      ...(ema === undefined ? {} : prefixed(start, kinds.ema)),
      ...Object.assign({}, ...optimizer.slots.map((slot) => prefixed(zeros, `${kinds.memory}/${slot}`))),
    };
  }

  /** The number of steps taken. */
  get steps(): number {
    return this.#steps;
  }

  /** The current values of parameters and buffers. */
  get tensors(): Readonly<Record<string, Tensor>> {
    this.#lent = true;
    return this.current;
  }

  /** The same, to be used before the next step but one: their arrays are then written into. */
  get current(): Readonly<Record<string, Tensor>> {
    return { ...within(this.#state, kinds.parameter), ...within(this.#state, kinds.buffer) };
  }

  /** Running means of the parameters where they are kept, to be used as {@link TrainingStep.current}. */
  get means(): Readonly<Record<string, Tensor>> {
    return within(this.#state, kinds.ema);
  }

  /** The values to use outside training: running means of the parameters where they are kept, and buffers. */
  get averaged(): Readonly<Record<string, Tensor>> {
    return { ...this.tensors, ...within(this.#state, kinds.ema) };
  }

  /** Everything that a bit-identical continuation needs. */
  save(): TrainingState {
    this.#lent = true;
    return { steps: this.#steps, tensors: this.#state };
  }

  /** @throws {ReconlossError} `checkpoint` for tensors that are missing or of another shape, or that nothing here is called. */
  restore({ steps, tensors }: TrainingState): void {
    const refuse = (problem: string) =>
      new ReconlossError("checkpoint", `${this.#options.name}: the saved state does not fit: ${problem}`);
    if (!Number.isInteger(steps) || steps < 0) throw refuse(`${steps} steps`);
    for (const [name, { shape }] of Object.entries(this.#state)) {
      if (tensors[name] === undefined) throw refuse(`${name} is missing`);
      if (!sameShape(tensors[name].shape, shape)) {
        throw refuse(`${name} is ${formatShape(tensors[name].shape)}, expected ${formatShape(shape)}`);
      }
    }
    const unknown = Object.keys(tensors).find((name) => this.#state[name] === undefined);
    if (unknown !== undefined) throw refuse(`there is no ${unknown}`);
    this.#state = { ...tensors };
    this.#before = undefined;
    this.#lent = true;
    this.#steps = steps;
  }

  /**
   * Takes one step, after those that were asked for before.
   *
   * @throws {ReconlossError} `non-finite` naming the step, the term and the tensor; the state stays as it was
   */
  run(inputs: Readonly<Record<string, Tensor>>, variant = "", options: RunOptions = {}): Promise<StepResult> {
    return this.#inTurn(() => this.#take(inputs, variant, options));
  }

  async #take(
    inputs: Readonly<Record<string, Tensor>>,
    variant: string,
    { device = "cpu" }: RunOptions,
  ): Promise<StepResult> {
    const { optimizer, schedule = constantRate() } = this.#options;
    const step = this.#steps + 1;
    const numbers = optimizer.numbers(step, optimizer.learningRate * schedule(step));
    const program = await this.#programFor(inputs, variant, "update", device);
    this.#before = undefined;
    const results = await program.run(
      {
        ...prefixed(inputs, "input"),
        ...this.#state,
        ...prefixed(
          mapValues(numbers, (value) => Tensor.full([1, 1, 1, 1], value)),
          "number",
        ),
      },
      prefixed(this.#spare ?? {}, changed),
    );
    const report = mapValues(within(results, "report"), ({ data }) => data[0]);
    const [loss, gradientNorm] = [results.loss.data[0], results.norm.data[0]];
    if (!Number.isFinite(loss + gradientNorm)) throw this.#nonFinite(step, inputs, loss, report);
    const next = { ...this.#state, ...mapValues(within(results, changed), outputTensor) };
    const replaced = filtered(this.#state, (name) => this.#state[name].data !== next[name].data);
    this.#spare = this.#lent ? undefined : replaced;
    this.#lent = false;
    this.#before = this.#state;
    this.#state = next;
    this.#steps = step;
    return {
      step,
      loss,
      report,
      gradientNorm,
      outputs: mapValues(within(results, "output"), outputTensor),
    };
  }

  /** Takes back the step that was taken last, where nothing has happened since. */
  undo(): void {
    if (this.#before === undefined) return;
    this.#state = this.#before;
    this.#before = undefined;
    this.#spare = undefined;
    this.#lent = true;
    this.#steps--;
  }

  /** The gradient of the loss by every parameter, without taking a step. */
  async gradients(
    inputs: Readonly<Record<string, Tensor>>,
    variant = "",
    { device = "cpu" }: RunOptions = {},
  ): Promise<Record<string, Tensor>> {
    const program = await this.#programFor(inputs, variant, "gradients", device);
    const results = await program.run({ ...prefixed(inputs, "input"), ...this.#state });
    return mapValues(results, outputTensor);
  }

  #nonFinite(
    step: number,
    inputs: Readonly<Record<string, Tensor>>,
    loss: number,
    report: Readonly<Record<string, number>>,
  ): ReconlossError {
    const term = Object.entries({ ...report, loss }).find(([, value]) => !Number.isFinite(value));
    let where = "every input is finite";
    for (const [name, { data, shape }] of Object.entries(inputs)) {
      const broken = firstNonFinite(data);
      if (broken < 0) continue;
      where = `${name} ${formatShape(shape)} holds ${data[broken]} in image ${Math.floor((broken * shape[0]) / data.length)}`;
      break;
    }
    const what = term ? `${term[0]} is ${term[1]}` : "the gradients are not finite";
    return new ReconlossError(
      "non-finite",
      `${this.#options.name}: at step ${step}, ${what}; ${where}; the step was not taken`,
    );
  }

  #programFor(inputs: Readonly<Record<string, Tensor>>, variant: string, purpose: Purpose, device: Device) {
    const given = mapValues(inputs, (input) => [input, "tensor"] as const);
    checkArguments(this.#options.name, given);
    checkDevice(this.#options.name, device);
    const shapes = prefixed(
      mapValues(inputs, ({ shape }) => shape),
      "input",
    );
    const key = JSON.stringify([shapes, variant, purpose, device]);
    return this.#programs.get(key, () => this.#compile(shapes, variant, purpose, device));
  }

  async #compile(shapes: Readonly<Record<string, Shape>>, variant: string, purpose: Purpose, device: Device) {
    const { optimizer, ema } = this.#options;
    const state = mapValues(this.#state, ({ shape }) => shape);
    const isTensor = (name: string) => name.startsWith(kinds.parameter) || name.startsWith(kinds.buffer);
    const isShared = (name: string) => name.startsWith(`input/${sharedInputs}/`);
    const inputs: StepInputs = {
      batch: filtered(shapes, (name) => !isShared(name)),
      fixed: { ...filtered(shapes, isShared), ...filtered(state, isTensor) },
      numbers: prefixed(
        mapValues(optimizer.numbers(1, 0), (): Shape => [1, 1, 1, 1]),
        "number",
      ),
      parameters: within(state, kinds.parameter),
      kinds: [
        kinds.parameter,
        ...(ema === undefined ? [] : [kinds.ema]),
        ...optimizer.slots.map((slot) => `${kinds.memory}/${slot}`),
      ],
    };
    const { batch, fixed, numbers } = inputs;
    if (purpose === "gradients") {
      const build = <T>(o: Ops<T>, values: Record<string, T>) => this.#differentiate(o, values, variant).gradients;
      return compile<string, string>({ ...batch, ...fixed }, build, { device });
    }
    const mathematics: StepMathematics = {
      forward: (o, values) => this.#forward(o, values, variant),
      differentiate: (o, values) => this.#differentiate(o, values, variant),
      update: (o, values, gradients) => this.#updated(o, values, gradients),
    };
    const whole = <T>(o: Ops<T>, values: Record<string, T>) => {
      const { given, gradients } = mathematics.differentiate(o, values);
      return { ...given, ...mathematics.update(o, values, gradients) };
    };
    const atOnce = () => compile<string, string>({ ...shapes, ...state, ...numbers }, whole, { device });
    const { parallel } = await loadRuntime();
    const divides = optimizer.elementwise && device === "cpu";
    const shards = divides ? planShards(inputs, mathematics, parallel, this.#options.shards) : undefined;
    // Where no thread can be started, one program does it all.
    return shards ? compileShards(inputs, mathematics, shards).catch(atOnce) : atOnce();
  }

  /** Everything that the objective gives, under the program's names. */
  #forward<T>(o: Ops<T>, values: Readonly<Record<string, T>>, variant: string): Record<string, T> {
    const tensors = { ...within(values, kinds.parameter), ...within(values, kinds.buffer) };
    const { loss, buffers, report, outputs } = this.#options.objective(o, tensors, within(values, "input"), variant);
    return {
      loss,
      ...prefixed(buffers ?? {}, `${changed}/${kinds.buffer}`),
      ...prefixed(report ?? {}, "report"),
      ...prefixed(outputs ?? {}, "output"),
    };
  }

  /** The same, and the gradients of the loss by parameter name. */
  #differentiate<T>(o: Ops<T>, values: Readonly<Record<string, T>>, variant: string) {
    const names = Object.keys(within(values, kinds.parameter)).map((name) => `${kinds.parameter}/${name}`);
    let given: Readonly<Record<string, Traced<T>>> = {};
    const { gradients } = differentiate(
      o,
      ({ o, lift }, traced) => {
        const lifted = mapValues(values, lift);
        for (const [index, name] of names.entries()) lifted[name] = traced[index];
        given = this.#forward(o, lifted, variant);
        return given.loss;
      },
      names.map((name) => values[name]),
    );
    return {
      given: mapValues(given, ({ value }) => value),
      gradients: within(Object.fromEntries(names.map((name, index) => [name, gradients[index]])), kinds.parameter),
    };
  }

  /** The new state and the norm of the gradients. */
  #updated<T>(o: Ops<T>, values: Readonly<Record<string, T>>, gradients: Readonly<Record<string, T>>) {
    const { optimizer, clip, ema } = this.#options;
    const numbers = within(values, "number");
    const squares = Object.values(gradients).map((gradient) => o.sum(o.square(gradient), "nchw"));
    const norm = o.root(squares.reduce((sum, square) => o.add(sum, square)));
    const scale = clip === undefined ? undefined : o.minimum(o.div(o.scalar(clip), o.add(norm, 1e-6)), 1);
    const state: Record<string, T> = {};
    for (const [name, raw] of Object.entries(gradients)) {
      const { parameter, memory } = optimizer.update(
        o,
        {
          parameter: values[`${kinds.parameter}/${name}`],
          gradient: scale === undefined ? raw : o.mul(raw, scale),
          memory: Object.fromEntries(optimizer.slots.map((slot) => [slot, values[`${kinds.memory}/${slot}/${name}`]])),
        },
        numbers,
      );
      state[`${kinds.parameter}/${name}`] = parameter;
      for (const slot of optimizer.slots) state[`${kinds.memory}/${slot}/${name}`] = memory[slot];
      if (ema === undefined) continue;
      const mean = values[`${kinds.ema}/${name}`];
      state[`${kinds.ema}/${name}`] = o.add(mean, o.mul(o.sub(parameter, mean), 1 - ema));
    }
    return { ...prefixed(state, changed), norm };
  }
}
