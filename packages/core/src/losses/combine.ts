import { described } from "../arguments.ts";
import type { Definition, Evaluation, Requested, Sides } from "../definitions/definition.ts";
import type { Learner } from "../definitions/learner.ts";
import { ReconlossError } from "../errors.ts";
import { resolveInput, resolveInputSync } from "../pixels/input.ts";
import type { ImageBatch } from "../pixels/prepared-image.ts";
import type { ImageInput } from "../pixels/sources.ts";
import { runSteps, runStepsSync, type Stepwise } from "../stepwise.ts";
import { type Shape, sameShape, Tensor } from "../tensor.ts";
import { checkCall, checkInto } from "./checks.ts";
import type { EvaluateOptions } from "./evaluate-options.ts";
import { BaseLoss, isLoss, type Loss, type LossInfo } from "./loss.ts";
import { minimisedEvaluation } from "./minimised.ts";
import {
  PreparedTarget,
  type ReadTarget,
  resolveTarget,
  resolveTargetSync,
  type Target,
  targetImage,
} from "./prepared-target.ts";
import { inset, type LossTerm, sumDefinitions } from "./sum-definition.ts";
import { checkSchedule, factorAt, isLater, type LaterTerm, learningLater, scheduleText, type Term } from "./term.ts";

/** The labels of the terms, with a number where one comes again: `l1`, `l1 (2)`. */
function namesOf(terms: readonly Term[]): string[] {
  const names: string[] = [];
  for (const [, { label }] of terms) {
    let name = label;
    for (let count = 2; names.includes(name); count++) name = `${label} (${count})`;
    names.push(name);
  }
  return names;
}

/** The range of images on which all terms that have one agree. */
function commonRange(terms: readonly Term[]): Loss["range"] {
  const [first, ...others] = terms.map(([, loss]) => loss).filter(({ range }) => range !== undefined);
  const other = others.find(({ range }) => String(range) !== String(first.range));
  if (other === undefined) return first?.range;
  const [a, b] = [first, other].map(({ label, range }) => `${label} (in [${range?.join(", ")}])`);
  throw new ReconlossError("invalid-argument", `weighted: the same images cannot be those of ${a} and of ${b}`);
}

function infoOf(terms: readonly Term[]): LossInfo {
  const distinct = (words: readonly string[]) => [...new Set(words)].join("; ");
  return {
    name: "weighted",
    summary: `weighted sum: ${distinct(terms.map(([, { info }]) => info.summary))}`,
    // A sum of priors is a prior: minimised, but no better for being low.
    better: terms.every(([, { better }]) => better === "target") ? "target" : "lower",
    source: distinct(terms.map(([, { info }]) => info.source)),
    options: {},
  };
}

class WeightedLoss extends BaseLoss implements Loss {
  readonly options = {};
  readonly offset = 0;
  readonly hasMap: boolean;
  readonly needsTarget: boolean;
  readonly range?: readonly [low: number, high: number];
  readonly definition?: Definition;
  readonly learners: readonly Learner[];
  readonly later: readonly LaterTerm[];
  readonly #terms: readonly Term[];
  /** The name of each term in `terms`. */
  readonly #names: readonly string[];
  /** The tensors that terms write their gradients to before they are added, kept for the next call by those who keep their own tensor too. */
  #scratch?: Tensor;

  constructor(terms: readonly Term[]) {
    super(
      infoOf(terms),
      terms
        .map(([weight, { spec }, schedule]) => `${weight === 1 ? "" : `${weight}*`}${spec}${scheduleText(schedule)}`)
        .join(" + "),
    );
    this.#terms = terms;
    this.#names = namesOf(terms);
    this.range = commonRange(terms);
    this.needsTarget = terms.some(([, loss]) => loss.needsTarget);
    this.definition = sumDefinitions(terms, this.#names);
    this.hasMap = this.definition?.map !== undefined;
    this.learners = terms.flatMap(([, { learners = [] }, schedule]) =>
      learners.map((learner) => learningLater(learner, schedule)),
    );
    this.later = terms.flatMap(([, { later = [] }, schedule = {}], index) => {
      const { start = 0, warmup = 1 } = schedule;
      return isLater(schedule) ? [{ label: this.#names[index], start, warmup }, ...later] : later;
    });
  }

  override refusal(shape: Shape): string | undefined {
    for (const [, loss] of this.#terms) {
      const reason = loss.refusal(shape);
      if (reason !== undefined) return `${loss.label}: ${reason}`;
    }
    return undefined;
  }

  override async prepareTarget(target: ImageInput, options?: Pick<EvaluateOptions, "device">): Promise<PreparedTarget> {
    const image = await resolveInput(this.name, "target", target);
    const features: [Definition, readonly Tensor[]][] = [];
    for (const [, loss] of this.#terms) features.push(...(await loss.prepareTarget(image, options)).features);
    return new PreparedTarget(image, new Map(features));
  }

  async evaluate(
    input: ImageInput,
    comparedWith: Target | undefined,
    requested: Requested,
    options: EvaluateOptions = {},
  ): Promise<Evaluation> {
    // Read once for all terms.
    const output = await resolveInput(this.name, "output", input);
    const target = this.needsTarget ? await resolveTarget(this.name, comparedWith) : undefined;
    return runSteps(this.#sum(output, target, requested, options), ([loss, requested, options]) =>
      loss.evaluate(output, target, requested, options),
    );
  }

  evaluateSync(
    input: ImageInput,
    comparedWith: Target | undefined,
    requested: Pick<Requested, "grad">,
    options: EvaluateOptions = {},
  ): Evaluation {
    const output = resolveInputSync(this.name, "output", input);
    const target = this.needsTarget ? resolveTargetSync(this.name, comparedWith) : undefined;
    return runStepsSync(this.#sum(output, target, requested, options), ([loss, requested, options]) =>
      loss.evaluateSync(output, target, requested, options),
    );
  }

  /** Adds up the terms; steps are evaluations of one. */
  *#sum(
    output: ImageBatch,
    target: ReadTarget | undefined,
    requested: Requested,
    options: EvaluateOptions,
  ): Stepwise<readonly [loss: Loss, requested: Requested, options: EvaluateOptions], Evaluation, Evaluation> {
    checkCall(this.name, requested, options);
    const { into } = options;
    if (into !== undefined)
      checkInto(this.name, into, { output, target: target && targetImage(target), weight: options.weight });
    let value = 0;
    let unlimited = 0;
    let perImage: Float64Array | undefined;
    let grad: Tensor | undefined;
    // Taken, not only looked at: another call may run before this one ends.
    let scratch = this.#scratch;
    this.#scratch = undefined;
    const terms: Record<string, number> = {};
    const withMap = requested.map === true && this.hasMap;
    let map: Tensor | undefined;
    let tiles = 0;
    for (const [index, [whole, loss, schedule = {}]] of this.#terms.entries()) {
      const weight = whole * factorAt(schedule, options.step);
      if (into && grad && !(scratch && sameShape(scratch.shape, into.shape))) {
        scratch = new Tensor(new Float32Array(into.data.length), into.shape);
      }
      const where = into && { ...options, into: grad ? scratch : into };
      const term = yield [loss, { grad: requested.grad, map: withMap }, where ?? options];
      const contribution = minimisedEvaluation(loss, term);
      terms[this.#names[index]] = contribution.value;
      tiles = Math.max(tiles, term.tiles ?? 0);
      value += weight * contribution.value;
      if (weight !== 0) unlimited += weight * contribution.unlimited;
      perImage ??= new Float64Array(term.perImage.length);
      for (const [image, own] of contribution.perImage.entries()) perImage[image] += weight * own;
      if (term.map) map = addMap(map, term.map, { weight, loss }, this.definition?.mapBorder as Sides);
      if (!term.grad) continue;
      const factor = loss.better === "higher" ? -weight : weight;
      if (grad === undefined) {
        grad = into ?? new Tensor(new Float32Array(term.grad.data.length), output.shape);
        setScaled(grad.data, term.grad.data, factor);
      } else {
        addScaled(grad.data, term.grad.data, factor);
      }
    }
    if (into) this.#scratch = scratch;
    return {
      value,
      perImage: perImage as Float64Array,
      scores: perImage as Float64Array,
      terms,
      ...(Number.isFinite(value) && !Number.isFinite(unlimited) ? { unlimited } : {}),
      ...(tiles > 0 ? { tiles } : {}),
      ...(grad ? { grad } : {}),
      ...(map ? { map } : {}),
    };
  }
}

/** Adds what a term's map says of each place within `border` to a sum of maps; the first makes the sum. */
function addMap(sum: Tensor | undefined, map: Tensor, { weight, loss }: LossTerm, border: Sides): Tensor {
  const { top, bottom, left, right } = inset(loss.definition?.mapBorder as Sides, border);
  const [n, , h, w] = map.shape;
  const [height, width] = [h - top - bottom, w - left - right];
  const result = sum ?? Tensor.full([n, 1, height, width], 0);
  for (let row = 0; row < n * height; row++) {
    const from = (Math.floor(row / height) * h + top + (row % height)) * w + left;
    for (let column = 0; column < width; column++) {
      result.data[row * width + column] += weight * turned(loss, map.data[from + column]);
    }
  }
  return result;
}

/** A number of a loss as it is minimised. */
function turned({ better, offset }: Loss, value: number): number {
  return better === "higher" ? offset - value : value;
}

function setScaled(product: Float32Array, values: Float32Array, factor: number): void {
  if (product === values && factor === 1) return;
  for (let i = 0; i < values.length; i++) product[i] = factor * values[i];
}

function addScaled(sum: Float32Array, addend: Float32Array, factor: number): void {
  for (let i = 0; i < sum.length; i++) sum[i] += factor * addend[i];
}

/**
 * A weighted sum of losses, to be minimised: `0.1 * ssim` enters as `0.1 * (1 - ssim)` and `psnr` as `-psnr`, since higher is better there. The infinite PSNR of
 * identical images counts as 100 dB, so that a sum stays finite; a prior such as `tv` enters as it is.
 *
 * Value, per-image values and gradient are the sums of the terms'; `evaluate` and `valueAndGrad` give each term's value as `terms`, by its label (`l1 (2)` where
 * one comes again). The map is the sum of the terms' maps as they are minimised, over the places that all of them have: windows of `ssim` leave a border. A sum has
 * none where a term has none, or one that does not add up to its value pixel by pixel (`psnr`, `rmse`, `reduction=sum`, averaged down or by channel). Every term takes the weight that a call gives.
 *
 * A term may begin later in a training, as the discriminator of VQGAN: `{ start: 2000 }`, `0.5*gan@2000` in the grammar, leaves it out of the first 2000 steps, in which its discriminator does not
 * learn either, and with `{ start: 2000, warmup: 500 }`, `@2000..2500`, its weight rises from there in 500 equal steps. A trainer knows its steps; calls of one's own say them by the option `step`, without which every term
 * has its whole weight.
 *
 * @throws {ReconlossError} `invalid-argument` without terms, for a weight that is not a finite number, a schedule that is not in whole steps, or terms whose options say different ranges of
 * the images
 * @example
 * ```ts
 * import { l1, ssim, Tensor, tv, weighted } from "@reconloss/core";
 * const total = weighted([[1, l1()], [0.1, ssim()], [0.01, tv()]]);
 * const [output, target] = [Tensor.full([1, 3, 16, 16], 0.5), Tensor.full([1, 3, 16, 16], 0.25)];
 * const { value, grad, terms } = await total.valueAndGrad(output, target);
 * ```
 */
export function weighted(terms: readonly Term[]): Loss {
  if (!Array.isArray(terms)) {
    throw new ReconlossError("invalid-argument", `weighted: terms must be an array, got ${described(terms)}`);
  }
  if (terms.length === 0) throw new ReconlossError("invalid-argument", "weighted: terms must not be empty");
  for (const term of terms) {
    if (!Array.isArray(term) || !isLoss(term[1])) {
      const got = described(Array.isArray(term) ? term[1] : term);
      throw new ReconlossError("invalid-argument", `weighted: a term must be [weight, loss], got ${got}`);
    }
    const [weight, loss, schedule] = term as unknown as Term;
    checkSchedule(loss, schedule);
    if (!Number.isFinite(weight)) {
      throw new ReconlossError(
        "invalid-argument",
        `weighted: the weight of ${loss.spec} must be finite, got ${described(weight)}`,
      );
    }
  }
  return new WeightedLoss(terms);
}
