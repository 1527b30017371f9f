import { checkFunction, checkObject, described } from "../arguments.ts";
import type { OptionsOf, OptionValue, Schema } from "../definitions/options.ts";
import { checkWritableName, specificationOf } from "../definitions/specification.ts";
import { ReconlossError } from "../errors.ts";
import { checkFields } from "./arguments.ts";
import { checkLabels, checkRows, type FeatureRows, type LabelledRows, type Side } from "./features.ts";
import type { MetricResult, Protocol } from "./metric.ts";
import { checkStatisticsKind, type Statistics } from "./moments.ts";
import { MomentsState } from "./moments-state.ts";
import { type OptionTable, resolveSettings } from "./settings.ts";

/** The features of a network that a metric takes: those it is known for, Inception's spatial ones of sFID, or its class scores. */
export type FeatureKind = "main" | "spatial" | "logits";

/**
 * The data that a metric needs of a set: the feature vectors of all images, these with the class of each image, or only their mean and covariance, for which a
 * statistics file can stand.
 */
export type Need = "rows" | "labelled" | "moments";

/** The data that is there of a set. */
export type SetState = FeatureRows | LabelledRows | Statistics | MomentsState;

/** The data that a metric gets of a side, by its need. */
interface States {
  readonly rows: FeatureRows;
  readonly labelled: LabelledRows;
  readonly moments: Statistics;
}

type StateOf<N extends Need | undefined> = N extends Need ? States[N] : undefined;

/** The description of a metric of sets of images. */
export interface MetricInfo<S extends Schema = Schema> extends OptionTable<S> {
  /** The name by which it is asked for, in letters, digits, - and _. */
  readonly name: string;
  /** Its meaning, in one line. */
  readonly summary: string;
  /** The direction of better outputs. */
  readonly better: "lower" | "higher";
  /** Paper, and the implementation whose numbers it matches. */
  readonly source: string;
  /** Of which features it is. */
  readonly features: FeatureKind;
  /** The data that it needs of each side; without `real`, it is of the outputs alone. */
  readonly needs: { readonly output: Need; readonly real?: Need | undefined };
  /** Whether the name stands for Inception's features: it is then refused of the network that is part of the package. */
  readonly network?: "inception";
  readonly options: S;
  /** Values of options by preset name; the preset is itself an option, `preset`. */
  readonly presets?: Readonly<Record<string, Partial<OptionsOf<S>>>>;
  /** The flags of options that are not called by the metric's name and their own: metrics that share a flag share its value. */
  readonly flags?: { readonly [K in keyof S]?: string };
  /** The fields of its result that are numbers of their own, such as `precision` and `recall`. Default: `value`, by the metric's name. */
  readonly numbers?: readonly string[];
}

/** The context of a number, for {@link MetricDefinition.compute}. */
export interface MetricContext {
  /** The result's name: `fid`, `fid(dims=64)`. */
  readonly name: string;
  /** Belongs into the result, with what the metric adds. */
  readonly protocol: Protocol;
}

/** The argument of {@link defineMetric}. */
export interface MetricDefinition<S extends Schema, Output extends Need, Real extends Need | undefined = undefined>
  extends MetricInfo<S> {
  readonly needs: { readonly output: Output; readonly real?: Real };
  /** The result of what the metric needs of both sides. A field `std` is the deviation of `value`. */
  readonly compute: (
    sets: { readonly output: StateOf<Output>; readonly real: StateOf<Real> },
    options: OptionsOf<S>,
    context: MetricContext,
  ) => Promise<MetricResult>;
  /** Returns the details that the table shows beside the numbers. Default: the deviation, and the options that the result's protocol has. */
  readonly detail?: (result: MetricResult) => readonly string[];
}

/** One number of a result, as tables and reports show it. */
export interface MetricNumber {
  readonly name: string;
  readonly value: number;
  readonly better: "lower" | "higher";
  /** Standard deviation, where the metric has one. */
  readonly std?: number;
}

/** The result of a {@link SetMetric}, with what tables and reports show of it. */
export interface SetResult extends MetricResult {
  readonly numbers: readonly MetricNumber[];
  /** Deviation and options in words. */
  readonly detail: string;
}

/** A metric of sets of images with its options, made by what {@link defineMetric} gives. */
export interface SetMetric {
  readonly info: MetricInfo;
  /** The metric with the options that differ from the defaults: `kid(kernel=rbf)`. */
  readonly spec: string;
  /** Its name in results: with the options as they were typed where it was parsed, else `spec`. */
  readonly label: string;
  /** The value of every option. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /** The same metric with these options too, unless they were given already, under the same label. */
  withOptions(options: Readonly<Record<string, unknown>>): SetMetric;
  /**
   * The result for what {@link MetricInfo.needs} says of each side.
   *
   * @throws {ReconlossError} `invalid-argument` for other states than the metric needs, or too few images; `shape`
   */
  compute(
    sets: { readonly output: SetState; readonly real?: SetState },
    context?: { readonly name?: string; readonly protocol?: Protocol },
  ): Promise<SetResult>;
}

/** A function that makes a metric from its options, with what there is to know about it. */
export type MetricFactory<S extends Schema = Schema> = ((options?: Partial<OptionsOf<S>>) => SetMetric) & {
  readonly info: MetricInfo<S>;
};

const factories = new WeakSet<object>();

/** Whether a value is what {@link defineMetric} makes. */
export function isMetricFactory(value: unknown): value is MetricFactory {
  return typeof value === "function" && factories.has(value);
}

/**
 * Turns a function of two sets of features into a metric, which `evaluateDistribution` and `reconloss distribution` compute, list and explain like those of
 * the library.
 *
 * @throws {ReconlossError} `invalid-argument` for a definition that is not whole
 *
 * @example
 * ```ts
 * import { defineMetric, MemoryRows } from "@reconloss/core/metrics";
 * import { Tensor } from "@reconloss/core";
 * const count = defineMetric({
 *   name: "count-ratio",
 *   summary: "outputs for each real image",
 *   better: "higher",
 *   source: "an example",
 *   features: "main",
 *   needs: { output: "rows", real: "rows" },
 *   options: {},
 *   compute: async ({ output, real }, _options, { name, protocol }) => ({
 *     metric: name,
 *     value: output.count / real.count,
 *     images: { output: output.count, real: real.count },
 *     protocol,
 *     hint: "an example",
 *     warnings: [],
 *   }),
 * });
 * const [output, real] = [new MemoryRows(), new MemoryRows()];
 * output.append(Tensor.full([3, 8, 1, 1], 0));
 * real.append(Tensor.full([2, 8, 1, 1], 0));
 * (await count().compute({ output, real })).value; // 1.5
 * ```
 */
export function defineMetric<S extends Schema, Output extends Need, Real extends Need | undefined = undefined>(
  definition: MetricDefinition<S, Output, Real>,
): MetricFactory<S> {
  const known = definition as unknown as AnyDefinition;
  checkDefinition(known);
  const { compute: _, detail: __, ...info } = known;
  const make = (options: Readonly<Record<string, unknown>> = {}) => new DefinedMetric(known, info, options);
  factories.add(make);
  return Object.assign(make, { info }) as unknown as MetricFactory<S>;
}

/** A definition whose states are not told apart by the compiler. */
type AnyDefinition = Omit<MetricDefinition<Schema, Need, Need>, "needs"> & Pick<MetricInfo, "needs">;

const kinds: readonly FeatureKind[] = ["main", "spatial", "logits"];
const needs: readonly (Need | undefined)[] = ["rows", "labelled", "moments"];

function checkDefinition(definition: AnyDefinition): void {
  checkObject("defineMetric", "definition", definition);
  const refuse = (problem: string): never => {
    throw new ReconlossError("invalid-argument", `defineMetric: ${problem}`);
  };
  for (const word of ["name", "summary", "source"] as const) {
    if (typeof definition[word] === "string" && definition[word] !== "") continue;
    refuse(`${word} must be a text, got ${described(definition[word])}`);
  }
  checkWritableName("metric", definition.name);
  if (definition.better !== "lower" && definition.better !== "higher") {
    refuse(`better must be "lower" or "higher", got ${described(definition.better)}`);
  }
  if (!kinds.includes(definition.features)) {
    refuse(`features must be one of ${kinds.join(", ")}, got ${described(definition.features)}`);
  }
  checkObject("defineMetric", "needs", definition.needs);
  const { output, real } = definition.needs;
  if (!needs.includes(output) || !(real === undefined || needs.includes(real))) {
    refuse(
      `needs must be "rows", "labelled" or "moments" of each side, got ${described(output)} and ${described(real)}`,
    );
  }
  checkObject("defineMetric", "options", definition.options);
  checkFunction("defineMetric", "compute", definition.compute);
}

class DefinedMetric implements SetMetric {
  readonly spec: string;
  readonly label: string;
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly #definition: AnyDefinition;
  readonly #given: Readonly<Record<string, OptionValue>>;

  constructor(
    definition: AnyDefinition,
    readonly info: MetricInfo,
    options: Readonly<Record<string, unknown>>,
    label?: string,
  ) {
    this.#definition = definition;
    const { values, given } = resolveSettings(info, options);
    this.options = values;
    this.#given = given as Readonly<Record<string, OptionValue>>;
    this.spec = specificationOf(info.name, this.#given, (some) => resolveSettings(info, some).values);
    this.label = label ?? this.spec;
  }

  withOptions(options: Readonly<Record<string, unknown>>): SetMetric {
    return new DefinedMetric(this.#definition, this.info, { ...options, ...this.#given }, this.label);
  }

  labelled(label: string): SetMetric {
    return new DefinedMetric(this.#definition, this.info, this.#given, label);
  }

  async compute(
    sets: { readonly output: SetState; readonly real?: SetState },
    context: { readonly name?: string; readonly protocol?: Protocol } = {},
  ): Promise<SetResult> {
    checkFields("sets", sets);
    checkFields("context", context, { name: "string", protocol: "object" });
    const { name = this.label, protocol = {} } = context;
    const { info } = this;
    const states = {
      output: stateFor("output", sets.output, info.needs.output),
      real: stateFor("real", sets.real, info.needs.real),
    } as { output: LabelledRows & Statistics; real: LabelledRows & Statistics };
    const result = await this.#definition.compute(states, this.options, { name, protocol });
    checkResult(info, result);
    return { ...result, metric: name, numbers: numbersOf(info, name, result), detail: this.#detail(result).join(", ") };
  }

  #detail(result: MetricResult): readonly string[] {
    const { detail = (it) => [...deviation(it), ...optionsIn(this.info, it)] } = this.#definition;
    return detail(result);
  }
}

/** Whether a value is what a {@link MetricFactory} makes. */
export function isSetMetric(value: unknown): value is SetMetric {
  return value instanceof DefinedMetric;
}

/** A metric under the text by which it was asked for. */
export function labelledMetric(metric: SetMetric, label: string): SetMetric {
  return metric instanceof DefinedMetric ? metric.labelled(label) : metric;
}

/** Returns the data that a metric needs of a side, from the data there is. */
function stateFor(
  side: Side,
  state: SetState | undefined,
  need: Need | undefined,
): FeatureRows | Statistics | undefined {
  if (need === undefined) return undefined;
  if (need !== "moments") {
    const rows = state as LabelledRows;
    checkRows(side, rows);
    if (need === "labelled") checkLabels(`${side}.labels`, rows.labels, rows.count);
    return rows;
  }
  const statistics = state instanceof MomentsState ? state.statistics() : (state as Statistics);
  checkStatisticsKind(side, statistics);
  return statistics;
}

/** Refuses what a definition of a user's own gave in place of a result. */
function checkResult({ name, numbers = ["value"] }: MetricInfo, result: MetricResult): void {
  checkObject(name, "what compute gives", result);
  for (const part of ["images", "protocol"] as const) checkObject(name, `${part} of what compute gives`, result[part]);
  if (!Array.isArray(result.warnings)) {
    throw new ReconlossError("invalid-argument", `${name}: warnings of compute's result must be an array of texts`);
  }
  for (const number of new Set(["value", ...numbers])) {
    const value = field(result, number);
    if (typeof value === "number" && !Number.isNaN(value)) continue;
    const problem = `${number} of what compute gives must be a number, got ${described(value)}`;
    throw new ReconlossError("invalid-argument", `${name}: ${problem}`);
  }
}

/** A field that a result has beyond those of all results. */
function field(result: MetricResult, name: string): unknown {
  return (result as unknown as Readonly<Record<string, unknown>>)[name];
}

function numbersOf({ name, better, numbers }: MetricInfo, label: string, result: MetricResult): MetricNumber[] {
  if (numbers === undefined) {
    const std = field(result, "std");
    return [{ name: label, value: result.value, better, ...(typeof std === "number" ? { std } : {}) }];
  }
  // `pr(dims=64)` says of which features both numbers are.
  const rest = label.slice(name.length);
  return numbers.map((number) => ({ name: `${number}${rest}`, value: field(result, number) as number, better }));
}

/** The spread of the number over other subsets or splits. */
export function deviation(result: MetricResult): string[] {
  const std = field(result, "std");
  return typeof std === "number" ? [`± ${std.toPrecision(3)}`] : [];
}

/** The options that a result's protocol has, or just these of them. */
export function optionsIn(
  { options }: Pick<MetricInfo, "options">,
  { protocol }: MetricResult,
  names: readonly string[] = Object.keys(options),
): string[] {
  return names.filter((name) => protocol[name] !== undefined).map((name) => `${name} ${protocol[name]}`);
}
