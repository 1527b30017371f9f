import { ReconlossError } from "../errors.ts";
import { matching, suggestion } from "../names.ts";
import { isPlainObject } from "../records.ts";

/** A value that an option can take. */
export type OptionValue = number | string | boolean;

/** One option of a loss: what it may be, what it is when nothing is said, and what it means. */
export interface Option<V extends OptionValue = OptionValue> {
  readonly default: V;
  readonly help: string;
  /** The values it takes, in words: `number > 0`, `rgb | y-yiq`. */
  readonly accepts: string;
  /** The words among which it chooses, where it does. */
  readonly words?: readonly string[];
  /** Whether a value, or a word of a loss specification, is one of them; `undefined` where it is not. */
  read(value: unknown): V | undefined;
}

/** The options of a loss by name. */
export type Schema = Readonly<Record<string, Option>>;

/** The values of all options of a schema. */
export type OptionsOf<S extends Schema> = { readonly [K in keyof S]: S[K] extends Option<infer V> ? V : never };

interface Bounds {
  min?: number;
  above?: number;
  below?: number;
  max?: number;
}

function within(value: number, { min, above, below, max }: Bounds): boolean {
  return (
    !Number.isNaN(value) &&
    (min === undefined || value >= min) &&
    (above === undefined || value > above) &&
    (below === undefined || value < below) &&
    (max === undefined || value <= max)
  );
}

function describeBounds({ min, above, below, max }: Bounds): string {
  const parts = [
    min === undefined ? "" : ` >= ${min}`,
    above === undefined ? "" : ` > ${above}`,
    below === undefined ? "" : ` < ${below}`,
    max === undefined ? "" : ` <= ${max}`,
  ];
  return parts.filter((part) => part !== "").join(",");
}

function toNumber(value: unknown): number {
  if (typeof value === "number") return value;
  return typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
}

/** An option that is a number. */
export function number(fallback: number, help: string, bounds: Bounds = {}): Option<number> {
  const read = (value: unknown) => {
    const x = toNumber(value);
    return within(x, bounds) ? x : undefined;
  };
  return { default: fallback, help, accepts: `number${describeBounds(bounds)}`, read };
}

/** An option that is a whole number. */
export function integer(fallback: number, help: string, bounds: Bounds = {}): Option<number> {
  const read = (value: unknown) => {
    const x = toNumber(value);
    return Number.isInteger(x) && within(x, bounds) ? x : undefined;
  };
  return { default: fallback, help, accepts: `whole number${describeBounds(bounds)}`, read };
}

/** An option that is a number or one word, such as `auto`. */
export function numberOr<const W extends string>(
  word: W,
  fallback: number | W,
  help: string,
  bounds: Bounds = {},
): Option<number | W> {
  const read = (value: unknown) => {
    if (typeof value === "string" && matching(value, [word]) !== undefined) return word;
    const x = toNumber(value);
    return Number.isFinite(x) && within(x, bounds) ? x : undefined;
  };
  return { default: fallback, help, accepts: `number${describeBounds(bounds)} | ${word}`, words: [word], read };
}

/** The numbers of a list option, or of one number for both axes. */
export function parseList(value: number | string): number[] {
  return typeof value === "number" ? [value] : value.split(":").map(toNumber);
}

/** An option that is several numbers, separated by colons, as commas separate options. */
export function list(fallback: string, help: string, bounds: Bounds = {}): Option<string> {
  const read = (value: unknown) => {
    const text = String(value);
    return parseList(text).every((x) => within(x, bounds)) ? text : undefined;
  };
  return { default: fallback, help, accepts: `numbers${describeBounds(bounds)}, separated by colons`, read };
}

/** An option that is one number for both axes, or `height:width`. */
export function perAxis(
  fallback: number,
  help: string,
  { whole = false, ...bounds }: Bounds & { whole?: boolean },
): Option<number | string> {
  const fits = (x: number) => within(x, bounds) && (!whole || Number.isInteger(x));
  const read = (value: unknown) => {
    const numbers = parseList(String(value));
    if (numbers.length > 2 || !numbers.every(fits)) return undefined;
    return numbers.every((x) => x === numbers[0]) ? numbers[0] : numbers.join(":");
  };
  const accepts = `${whole ? "whole number" : "number"}${describeBounds(bounds)}, or two, height:width`;
  return { default: fallback, help, accepts, read };
}

/** Both numbers of a {@link perAxis} option. */
export function bothAxes(value: number | string): readonly [height: number, width: number] {
  const [height, width = height] = parseList(value);
  return [height, width];
}

/** An option that is yes or no. */
export function flag(fallback: boolean, help: string): Option<boolean> {
  const words = ["true", "false"];
  const read = (value: unknown) => {
    const word = typeof value === "boolean" || typeof value === "string" ? matching(String(value), words) : undefined;
    return word === undefined ? undefined : word === "true";
  };
  return { default: fallback, help, accepts: words.join(" | "), words, read };
}

/** An option that is yes, no or one word. */
export function flagOr<const W extends string>(word: W, fallback: boolean | W, help: string): Option<boolean | W> {
  const { accepts, words = [], read } = flag(false, help);
  return {
    default: fallback,
    help,
    accepts: `${accepts} | ${word}`,
    words: [...words, word],
    read: (value) => (typeof value === "string" && matching(value, [word]) !== undefined ? word : read(value)),
  };
}

/** An option that is one of some words. */
export function choice<const V extends string>(values: readonly V[], fallback: V, help: string): Option<V> {
  const read = (value: unknown) => {
    // A number is a word too: `formula: 2000`.
    const isWord = typeof value === "string" || typeof value === "number";
    return isWord ? (matching(String(value), values) as V | undefined) : undefined;
  };
  return { default: fallback, help, accepts: values.join(" | "), words: values, read };
}

/**
 * Options of a loss or metric of one's own, for `defineLoss` and `defineMetric`: `number` and `integer` with their bounds (`min`, `above`, `below`, `max`), `flag` for yes or no, `choice` of words. Each takes its default and what it
 * means, which `reconloss losses` prints; values that do not fit are refused by name.
 *
 * @example
 * ```ts
 * import { defineLoss, option, Tensor } from "@reconloss/core";
 * const power = defineLoss({
 *   name: "power",
 *   summary: "absolute error to a power",
 *   better: "lower",
 *   source: "an example",
 *   options: { p: option.number(2, "the power", { above: 0 }) },
 *   define: ({ p }) => ({ score: (o, { output, target }) => o.mean(o.power(o.abs(o.sub(output, target)), p), "chw") }),
 * });
 * await power({ p: 3 }).value(Tensor.full([1, 1, 4, 4], 0.75), Tensor.full([1, 1, 4, 4], 0.25)); // 0.125
 * ```
 */
export const option = { number, integer, flag, choice } as const;

/** The types of the options of a loss. */
export interface ResolvedOptions<S extends Schema> {
  /** The values of all of them. */
  readonly values: OptionsOf<S>;
  /** Those that were given, by their names in the schema. */
  readonly given: Partial<OptionsOf<S>>;
}

/** A value as messages write it. */
function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : typeof value === "object" ? "an object" : String(value);
}

/**
 * The values of all options: those given, else the preset's, else the defaults. Names and words are matched without regard to case, hyphens and underscores.
 *
 * @param loss - the loss's name, for the messages
 * @param presets - values by preset name; the preset is itself an option, `preset`
 * @param defaultsOf - defaults that depend on the values of other options
 * @throws {ReconlossError} `invalid-argument` for what is no plain object, an unknown option, one given twice or a value that it does not take
 */
export function resolveOptions<S extends Schema>(
  loss: string,
  schema: S,
  options: Readonly<Record<string, unknown>>,
  presets: Readonly<Record<string, Readonly<Record<string, OptionValue>>>> = {},
  defaultsOf: (options: OptionsOf<S>) => Partial<OptionsOf<S>> = () => ({}),
): ResolvedOptions<S> {
  const refuse = (problem: string) => new ReconlossError("invalid-argument", `${loss}: ${problem}`);
  if (!isPlainObject(options)) throw refuse(`options must be a plain object, got ${shown(options)}`);
  const given: Record<string, OptionValue> = {};
  for (const [word, value] of Object.entries(options)) {
    const known = Object.keys(schema);
    const name = matching(word, known);
    if (name === undefined) {
      const list = known.length === 0 ? "it has none" : `it has: ${known.join(", ")}`;
      throw refuse(`unknown option "${word}"; ${list}${suggestion(word, known)}`);
    }
    if (value === undefined) continue;
    const { accepts, words = [], read } = schema[name];
    if (Object.hasOwn(given, name)) throw refuse(`option ${name} is given twice`);
    const accepted = read(value);
    if (accepted === undefined) {
      throw refuse(`option ${name} must be ${accepts}, got ${shown(value)}${suggestion(String(value), words)}`);
    }
    given[name] = accepted;
  }
  const defaults = Object.fromEntries(Object.entries(schema).map(([name, option]) => [name, option.default]));
  const preset = presets[String(given.preset ?? defaults.preset)] ?? {};
  const dependent = defaultsOf({ ...defaults, ...preset, ...given } as OptionsOf<S>);
  const values = { ...defaults, ...dependent, ...preset, ...given } as OptionsOf<S>;
  return { values, given: given as Partial<OptionsOf<S>> };
}
