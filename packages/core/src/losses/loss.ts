import { checkFunction, checkObject, described } from "../arguments.ts";
import type { Definition, Evaluation, OwnEvaluation, Requested } from "../definitions/definition.ts";
import type { Learner } from "../definitions/learner.ts";
import { type OptionsOf, type OptionValue, resolveOptions, type Schema } from "../definitions/options.ts";
import { checkWeight } from "../definitions/pixel-weights.ts";
import { checkWritableName, specificationOf } from "../definitions/specification.ts";
import type { Request } from "../engines/engine.ts";
import { evaluate, evaluateSync } from "../engines/index.ts";
import { targetFeatures } from "../engines/onnx.ts";
import { ReconlossError } from "../errors.ts";
import { noteExtremes } from "../kernels/extremes.ts";
import type { NotedExtremes } from "../kernels/index.ts";
import { resolveInput, resolveInputSync } from "../pixels/input.ts";
import { floatsOf, type ImageBatch, isPixels, tensorOf } from "../pixels/prepared-image.ts";
import type { ImageInput } from "../pixels/sources.ts";
import type { Device } from "../runtimes/index.ts";
import { checkShape, formatShape, type Shape, type Tensor } from "../tensor.ts";
import { checkCall, checkHeld, checkInput, checkInto, checkPixelRange, checkShapes, checkValues } from "./checks.ts";
import type { EvaluateOptions } from "./evaluate-options.ts";
import {
  PreparedTarget,
  type ReadTarget,
  resolveTarget,
  resolveTargetSync,
  type Target,
  targetImage,
} from "./prepared-target.ts";
import { inUnit, type Units, unitFor, withUnit } from "./units.ts";

/** The direction of a better output's value: lower, higher, or, of a prior, closer to the target's own value. */
export type Better = "lower" | "higher" | "target";

/**
 * A loss or metric of output images against their targets: its value, and the value's gradient with respect to the output. Outputs and targets are batches [n, c, h, w], or one image
 * in any form that {@link ImageInput} lists; of those the gradient is by values in [0, 1], [1, c, h, w].
 *
 * Errors, besides those of each function: `shape` for output and target of different shapes, or a shape that the loss does not take; `non-finite` and `range` for values that are no
 * numbers or outside what the options say; `image` for an input that cannot be read, or has transparent pixels; `invalid-argument` for what is no image.
 */
export interface Loss {
  /** The name in the grammar: `ssim`. */
  readonly name: string;
  /** The loss as the grammar writes it, with the options that differ from the defaults: `ssim(preset=skimage)`. */
  readonly spec: string;
  /** Its name in results: the one that it was given (`psnr(crop=2) as PSNR`), else the text as it was typed where it was parsed, else `spec`. */
  readonly label: string;
  /** Whether `label` is a name that it was given, which does not say what it is. */
  readonly isNamed?: boolean;
  /** Its description: what it measures, its source, its options with their defaults. */
  readonly info: LossInfo;
  /** The value of every option: the protocol that belongs beside the number. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /** The direction of a better output's value. */
  readonly better: Better;
  /** The number of decimals that its values are shown with. */
  readonly decimals: number;
  /** Whether it compares with a target; a prior such as `tv` does not. */
  readonly needsTarget: boolean;
  /** Whether {@link Loss.map} gives a map. */
  readonly hasMap: boolean;
  /** The values that its options say images have, black and white; absent where none says so. */
  readonly range?: readonly [low: number, high: number];
  /** The constant from which a value is subtracted in a sum, where higher is better: it minimises `offset - value`, else `value`, that of a prior too. */
  readonly offset: number;
  /** The mathematics, where the loss is a function over `Ops`. */
  readonly definition?: Definition;
  /** The learners beside the model that is trained with this loss, one for each adversarial term. */
  readonly learners?: readonly Learner[];
  /** The terms of a sum that begin later in a training: after `start` steps, with a weight that rises in `warmup` steps. */
  readonly later?: readonly { readonly label: string; readonly start: number; readonly warmup: number }[];
  /** Returns the reason why images of this shape cannot be compared, as the end of a sentence that begins with the shape; undefined where they can. */
  refusal(shape: Shape): string | undefined;
  /** A target of which everything that the loss computes of it alone is computed now, once for many outputs; `device`: see {@link EvaluateOptions.device}. */
  prepareTarget(target: ImageInput, options?: Pick<EvaluateOptions, "device">): Promise<PreparedTarget>;
  /** The value of the batch: the mean over its images unless the loss says otherwise. */
  value(output: ImageInput, target?: Target, options?: EvaluateOptions): Promise<number>;
  /** The value of each image. */
  perImage(output: ImageInput, target?: Target, options?: EvaluateOptions): Promise<Float64Array>;
  /**
   * The value of the batch and its gradient with respect to the output; see {@link EvaluateOptions} for where the gradient goes.
   *
   * @throws {ReconlossError} also for an `into` that is no tensor of the output's shape (`shape`, `invalid-argument`) or shares memory with the batches
   * @example
   * ```ts
   * import { mse, Tensor } from "@reconloss/core";
   * const loss = mse();
   * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.25), Tensor.full([1, 3, 8, 8], 0.75)];
   * const into = Tensor.full(output.shape, 0);
   * for (let step = 0; step < 3; step++) {
   *   const { grad } = await loss.valueAndGrad(output, target, { into }); // grad is into
   *   for (let i = 0; i < grad.data.length; i++) output.data[i] -= 48 * grad.data[i];
   * }
   * ```
   */
  valueAndGrad(output: ImageInput, target?: Target, options?: EvaluateOptions): Promise<ValueAndGrad>;
  /** The value's contributions by place. */
  map(output: ImageInput, target?: Target, options?: EvaluateOptions): Promise<Tensor>;
  /** All of these in one pass. */
  evaluate(
    output: ImageInput,
    target: Target | undefined,
    requested: Requested,
    options?: EvaluateOptions,
  ): Promise<Evaluation>;
  /**
   * {@link Loss.value} at once, without a promise, in the calling thread alone: the same bits. For losses that kernels compute (l1, mse, charbonnier, psnr, rmse, sobel, edge, ssim, dssim, ms-ssim,
   * gmsd, ms-gmsd, haarpsi, mdsi, vif, ssimulacra2, deltaE and tv, with most options) and sums of them, once `ready()` has loaded the kernels.
   *
   * @throws {ReconlossError} `invalid-argument` for other losses, and before kernels are loaded
   * @example
   * ```ts
   * import { l1, ready, Tensor } from "reconloss";
   * await ready();
   * l1().valueSync(Tensor.full([1, 3, 8, 8], 0.25), Tensor.full([1, 3, 8, 8], 0.75)); // 0.5
   * ```
   */
  valueSync(output: ImageInput, target?: Target, options?: EvaluateOptions): number;
  /** {@link Loss.valueAndGrad} at once, for the same losses as {@link Loss.valueSync}. */
  valueAndGradSync(output: ImageInput, target?: Target, options?: EvaluateOptions): ValueAndGrad;
  /** {@link Loss.evaluate} at once, for the same losses as {@link Loss.valueSync}; maps take a promise. */
  evaluateSync(
    output: ImageInput,
    target: Target | undefined,
    requested: Pick<Requested, "grad">,
    options?: EvaluateOptions,
  ): Evaluation;
}

/** The result of {@link Loss.valueAndGrad}. */
export interface ValueAndGrad {
  /** The value of the batch. */
  value: number;
  /** d value / d output, in the output's shape. */
  grad: Tensor;
  /** See {@link Evaluation.terms}. */
  terms: Readonly<Record<string, number>>;
}

/** The loss, which nothing else has been given yet, listed under the text by which it was asked for, or the name that it was given. */
export function labelled(loss: Loss, text: string, name?: string): Loss {
  return Object.assign(loss, { label: (name ?? text).trim().replace(/\s+/g, " "), isNamed: name !== undefined });
}

/** Whether a value is a loss. */
export function isLoss(value: unknown): value is Loss {
  const { spec, evaluate } = (typeof value === "object" && value !== null ? value : {}) as Partial<Loss>;
  return typeof spec === "string" && typeof evaluate === "function";
}

/** The description of a loss besides its mathematics. */
export interface LossInfo<S extends Schema = Schema> {
  readonly name: string;
  /** Its meaning, in one line. */
  readonly summary: string;
  readonly better: Better;
  /** The number of decimals that values are shown with, as papers print them. Default 4. */
  readonly decimals?: number;
  /** Paper and equation, and the implementation whose numbers it matches. */
  readonly source: string;
  /** Its formula in one line, with the default options; `x` is the output, `y` the target. */
  readonly formula?: string;
  /** Use and blind spots, in a sentence or two. */
  readonly use?: string;
  readonly options: S;
  /** Values of options by preset name. */
  readonly presets?: Readonly<Record<string, Partial<OptionsOf<S>>>>;
}

/**
 * A function that makes a loss from its options, with what there is to know about it. `R` is what else the loss can be given, such as
 * weights: things that no specification can spell.
 */
export type LossFactory<S extends Schema = Schema, R = undefined> = ((
  options?: Partial<OptionsOf<S>>,
  resources?: R,
) => Loss) & {
  readonly info: LossInfo<S>;
};

/** The argument of {@link defineLoss}. */
export interface LossDefinition<S extends Schema, R = undefined> extends LossInfo<S> {
  /** Default true. */
  readonly needsTarget?: boolean | ((options: OptionsOf<S>) => boolean);
  /** For losses where higher is better: see {@link Loss.offset}. Default 0. */
  readonly offset?: number;
  /** Defaults that depend on the values of other options. */
  readonly defaultsOf?: (options: OptionsOf<S>) => Partial<OptionsOf<S>>;
  /** Returns the reason why images of this shape are refused, if they are, as the end of a sentence that begins with the shape. */
  readonly refuse?: (options: OptionsOf<S>, shape: Shape) => string | undefined;
  /** The values that a target has; default: from the option `low`, or 0, as far as `dataRange`, where there is one. */
  readonly range?: (options: OptionsOf<S>) => readonly [low: number, high: number];
  /**
   * The dependence of the value on the unit of the images, where an option `dataRange` says it: very large and very small ranges are then computed in a unit of their
   * own. Default: images are computed as they are.
   */
  readonly units?: (options: OptionsOf<S>) => Units | undefined;
  readonly define: (options: OptionsOf<S>, resources?: R) => Definition;
}

/**
 * Turns mathematics and a table of options into a loss.
 *
 * @throws {ReconlossError} `invalid-argument` for a name that no specification could write
 *
 * @example
 * ```ts
 * import { defineLoss, Tensor } from "@reconloss/core";
 * const brightness = defineLoss({
 *   name: "brightness",
 *   summary: "squared difference of the mean values",
 *   better: "lower",
 *   source: "an example",
 *   options: {},
 *   define: () => ({
 *     score: (o, { output, target }) => o.square(o.mean(o.sub(output, target), "chw")),
 *   }),
 * });
 * await brightness().value(Tensor.full([1, 1, 4, 4], 0.75), Tensor.full([1, 1, 4, 4], 0.25)); // 0.25
 * ```
 */
export function defineLoss<S extends Schema, R = undefined>(definition: LossDefinition<S, R>): LossFactory<S, R> {
  checkObject("defineLoss", "definition", definition);
  for (const word of ["name", "summary", "source"] as const) {
    if (typeof definition[word] === "string" && definition[word] !== "") continue;
    const problem = `defineLoss: ${word} must be a text, got ${described(definition[word])}`;
    throw new ReconlossError("invalid-argument", problem);
  }
  checkObject(definition.name, "options", definition.options);
  checkFunction(definition.name, "define", definition.define);
  const { name, summary, better, decimals, source, formula, use, options: schema, presets, defaultsOf } = definition;
  checkWritableName("loss", name);
  const info: LossInfo<S> = { name, summary, better, decimals, source, formula, use, options: schema, presets };
  const make = (options: Partial<OptionsOf<S>> = {}, resources?: R): Loss => {
    if (resources !== undefined) checkObject(name, "resources", resources);
    const resolve = (some: Readonly<Record<string, unknown>>) =>
      resolveOptions(name, schema, some, presets as Parameters<typeof resolveOptions>[3], defaultsOf);
    const { values, given } = resolve(options);
    return new DefinedLoss(
      info,
      definition,
      values,
      specificationOf(name, given, (some) => resolve(some).values),
      resources,
    );
  };
  const factory: LossFactory<S, R> = Object.assign(make, { info });
  definitions.set(factory, definition);
  return factory;
}

/** The argument that {@link defineLoss} got for each loss. */
const definitions = new WeakMap<object, unknown>();

/** Whether a value is what {@link defineLoss} makes. */
export function isLossFactory(value: unknown): value is LossFactory {
  return typeof value === "function" && definitions.has(value);
}

/** The argument of {@link deriveLoss}. */
export interface Derivation extends Pick<LossInfo, "name" | "summary" | "better" | "source" | "formula" | "use"> {
  readonly derive: (definition: Definition) => Definition;
}

/** A loss that is another's mathematics with something changed, and takes its options. */
export function deriveLoss<S extends Schema>(
  base: LossFactory<S>,
  { derive, ...overrides }: Derivation,
): LossFactory<S> {
  const { offset: _, formula: __, use: ___, ...inherited } = definitions.get(base) as LossDefinition<S>;
  return defineLoss<S>({ ...inherited, ...overrides, define: (options) => derive(inherited.define(options)) });
}

/** The parts of {@link Loss} that follow from `evaluate`. */
export abstract class BaseLoss {
  readonly name: string;
  readonly better: Better;
  readonly decimals: number;
  readonly label: string;

  constructor(
    readonly info: LossInfo,
    readonly spec: string,
  ) {
    this.name = info.name;
    this.better = info.better;
    this.decimals = info.decimals ?? 4;
    this.label = spec;
  }

  abstract readonly hasMap: boolean;
  abstract evaluate(
    output: ImageInput,
    target: Target | undefined,
    requested: Requested,
    options?: EvaluateOptions,
  ): Promise<Evaluation>;
  abstract evaluateSync(
    output: ImageInput,
    target: Target | undefined,
    requested: Pick<Requested, "grad">,
    options?: EvaluateOptions,
  ): Evaluation;

  refusal(_shape: Shape): string | undefined {
    return undefined;
  }

  async prepareTarget(target: ImageInput, _?: Pick<EvaluateOptions, "device">): Promise<PreparedTarget> {
    return new PreparedTarget(await resolveInput(this.name, "target", target));
  }

  async value(output: ImageInput, target?: Target, options?: EvaluateOptions): Promise<number> {
    return (await this.evaluate(output, target, {}, options)).value;
  }

  async perImage(output: ImageInput, target?: Target, options?: EvaluateOptions): Promise<Float64Array> {
    return (await this.evaluate(output, target, {}, options)).perImage;
  }

  async valueAndGrad(output: ImageInput, target?: Target, options?: EvaluateOptions): Promise<ValueAndGrad> {
    const { value, grad, terms } = await this.evaluate(output, target, { grad: true }, options);
    return { value, grad: grad as Tensor, terms };
  }

  valueSync(output: ImageInput, target?: Target, options?: EvaluateOptions): number {
    return this.evaluateSync(output, target, {}, options).value;
  }

  valueAndGradSync(output: ImageInput, target?: Target, options?: EvaluateOptions): ValueAndGrad {
    const { value, grad, terms } = this.evaluateSync(output, target, { grad: true }, options);
    return { value, grad: grad as Tensor, terms };
  }

  async map(output: ImageInput, target?: Target, options?: EvaluateOptions): Promise<Tensor> {
    if (!this.hasMap) throw new ReconlossError("invalid-argument", `${this.name}: this loss has no map`);
    return (await this.evaluate(output, target, { map: true }, options)).map as Tensor;
  }
}

/** A loss's mathematics, in a unit of its own where the images' range asks for one. */
function defineInUnit<S extends Schema, R>(
  { units, define }: LossDefinition<S, R>,
  options: OptionsOf<S>,
  resources?: R,
): Definition {
  const dependence = units?.(options);
  const unit = dependence ? unitFor(options, dependence) : 1;
  if (dependence === undefined || unit === 1) return define(options, resources);
  return withUnit(define(inUnit(options, dependence, unit), resources), unit, dependence);
}

class DefinedLoss<S extends Schema, R> extends BaseLoss implements Loss {
  readonly options: OptionsOf<S>;
  readonly needsTarget: boolean;
  readonly hasMap: boolean;
  readonly offset: number;
  readonly definition: Definition;
  readonly learners: readonly Learner[];
  readonly #refuse: LossDefinition<S>["refuse"];
  readonly range?: readonly [low: number, high: number];

  constructor(info: LossInfo, definition: LossDefinition<S, R>, options: OptionsOf<S>, spec: string, resources?: R) {
    super(info, spec);
    this.options = options;
    const { needsTarget = true } = definition;
    this.needsTarget = typeof needsTarget === "function" ? needsTarget(options) : needsTarget;
    this.offset = definition.offset ?? 0;
    this.definition = defineInUnit(definition, options, resources);
    this.learners = this.definition.learner ? [this.definition.learner] : [];
    this.hasMap = this.definition.map !== undefined;
    this.#refuse = definition.refuse;
    const { low, dataRange } = options;
    const black = typeof low === "number" ? low : 0;
    this.range =
      definition.range?.(options) ?? (typeof dataRange === "number" ? [black, black + dataRange] : undefined);
  }

  override refusal(shape: Shape): string | undefined {
    checkShape(shape);
    return this.#refuse?.(this.options, shape) ?? this.definition.refuse?.(shape);
  }

  override async prepareTarget(
    input: ImageInput,
    options: Pick<EvaluateOptions, "device"> = {},
  ): Promise<PreparedTarget> {
    checkCall(this.name, {}, options);
    const target = await resolveInput(this.name, "target", input);
    return this.#prepareTarget(target, options.device).finally(() => checkHeld(this.name, { target }));
  }

  async #prepareTarget(target: ImageBatch, device: Device = "cpu"): Promise<PreparedTarget> {
    this.#checkImages(target, target);
    checkValues(this.name, target, target, this.range, await noteExtremes(floatsOf({ output: target })));
    if (this.definition.targetFeatures === undefined) return new PreparedTarget(target);
    const features = await targetFeatures(this.definition, tensorOf(target), device);
    return new PreparedTarget(target, new Map([[this.definition, features]]));
  }

  async evaluate(
    input: ImageInput,
    comparedWith: Target | undefined,
    requested: Requested,
    options: EvaluateOptions = {},
  ): Promise<Evaluation> {
    checkCall(this.name, requested, options);
    const output = await resolveInput(this.name, "output", input);
    const target = this.needsTarget ? await resolveTarget(this.name, comparedWith) : undefined;
    try {
      const request = this.#request(output, target, requested, options);
      return this.#complete(await evaluate(this.name, this.definition, request, options.engine), request);
    } finally {
      this.#checkHeld(output, target, options);
    }
  }

  override evaluateSync(
    input: ImageInput,
    comparedWith: Target | undefined,
    requested: Pick<Requested, "grad">,
    options: EvaluateOptions = {},
  ): Evaluation {
    checkCall(this.name, requested, options);
    const output = resolveInputSync(this.name, "output", input);
    const target = this.needsTarget ? resolveTargetSync(this.name, comparedWith) : undefined;
    try {
      const request = this.#request(output, target, requested, options);
      return this.#complete(evaluateSync(this.name, this.definition, request, options.engine), request);
    } finally {
      this.#checkHeld(output, target, options);
    }
  }

  /** Returns the request of a call to an engine, its shapes and its weight checked. */
  #request(
    output: ImageBatch,
    target: ReadTarget | undefined,
    requested: Requested,
    options: EvaluateOptions,
  ): Request {
    const { weight: given, weightNormalisation, into, device = "cpu" } = options;
    const input = this.definition.needsInput ? options.input : undefined;
    if (this.definition.needsInput) checkInput(this.name, output, options.input);
    const compared = target ? targetImage(target) : output;
    this.#checkImages(output, compared);
    if (into !== undefined) checkInto(this.name, into, { output, target: compared, weight: given });
    // A prior has no target.
    const range = this.needsTarget ? this.range : undefined;
    const check = (noted: NotedExtremes) => checkValues(this.name, output, compared, range, noted);
    const { unnormalised } = this.definition;
    const { weight, share } =
      given === undefined ? {} : checkWeight(this.name, output, given, weightNormalisation, unnormalised);
    const targetFeatures = target instanceof PreparedTarget ? target.features.get(this.definition) : undefined;
    return {
      images: { output, target: compared, weight, share, targetFeatures, input },
      requested,
      into,
      device,
      check,
    };
  }

  /** Returns an engine's results with those of the loss beyond its definition. */
  #complete(evaluation: OwnEvaluation, { images: { weight, share } }: Request): Evaluation {
    if (weight !== undefined) this.#checkMeasured(evaluation, share);
    return {
      ...evaluation,
      ...(share ? { shares: Float64Array.from(share.data) } : {}),
      terms: evaluation.terms ?? { [this.label]: evaluation.value },
    };
  }

  /** Refuses what was given where its memory is gone after an evaluation. */
  #checkHeld(output: ImageBatch, target: ReadTarget | undefined, { weight, into }: EvaluateOptions): void {
    checkHeld(this.name, { output, target: target && targetImage(target), weight, into });
  }

  /** Refuses weights that are 0 wherever an image is looked at, or make sums too large; the value of an image without any share is not a number. */
  #checkMeasured({ scores, perImage }: OwnEvaluation, share: Tensor | undefined): void {
    for (const image of scores.keys()) {
      if (share?.data[image] === 0) {
        scores[image] = Number.NaN;
        perImage[image] = Number.NaN;
      } else if (this.definition.unnormalised && !Number.isFinite(scores[image])) {
        const problem = "weights are too large: float32 does not hold what they multiply";
        throw new ReconlossError("invalid-argument", `${this.name}: ${problem} (image ${image})`);
      } else if (Number.isNaN(scores[image])) {
        const problem = "weight is 0 at every place that is compared (after crop, and where windows fit)";
        throw new ReconlossError("invalid-argument", `${this.name}: ${problem} (image ${image})`);
      }
    }
  }

  #checkImages(output: ImageBatch, target: ImageBatch): void {
    checkShapes(this.name, output, target);
    if (isPixels(output) || isPixels(target)) checkPixelRange([this], "pixels");
    const refusal = this.refusal(output.shape);
    if (refusal !== undefined) {
      throw new ReconlossError("shape", `${this.name}: output is ${formatShape(output.shape)}, ${refusal}`);
    }
  }
}
