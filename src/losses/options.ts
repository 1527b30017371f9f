import { ReconlossError } from "../errors.ts";

/** A value that an option can take. */
export type OptionValue = number | string | boolean;

/** One option of a loss: what it may be, what it is when nothing is said, and what it means. */
export interface Option<V extends OptionValue = OptionValue> {
  readonly default: V;
  readonly help: string;
  /** The values it takes, in words: `number > 0`, `rgb | y-yiq`. */
  readonly accepts: string;
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
export function integer(fallback: number, help: string, bounds: Bounds & { odd?: boolean } = {}): Option<number> {
  const read = (value: unknown) => {
    const x = toNumber(value);
    return Number.isInteger(x) && within(x, bounds) && !(bounds.odd && x % 2 === 0) ? x : undefined;
  };
  const accepts = `${bounds.odd ? "odd" : "whole"} number${describeBounds(bounds)}`;
  return { default: fallback, help, accepts, read };
}

/** An option that is yes or no. */
export function flag(fallback: boolean, help: string): Option<boolean> {
  const read = (value: unknown) => {
    if (value === true || value === "true") return true;
    return value === false || value === "false" ? false : undefined;
  };
  return { default: fallback, help, accepts: "true | false", read };
}

/** An option that is one of some words. */
export function choice<const V extends string>(values: readonly V[], fallback: V, help: string): Option<V> {
  const read = (value: unknown) => values.find((word) => word === String(value));
  return { default: fallback, help, accepts: values.join(" | "), read };
}

/**
 * The values of all options: those given, else the preset's, else the defaults.
 *
 * @param loss - the loss's name, for the messages
 * @param presets - values by preset name; the preset is itself an option, `preset`
 * @param defaultsOf - defaults that depend on the values of other options
 * @throws {ReconlossError} `invalid-argument` for an unknown option or a value that it does not take
 */
export function resolveOptions<S extends Schema>(
  loss: string,
  schema: S,
  given: Readonly<Record<string, unknown>>,
  presets: Readonly<Record<string, Readonly<Record<string, OptionValue>>>> = {},
  defaultsOf: (options: OptionsOf<S>) => Partial<OptionsOf<S>> = () => ({}),
): OptionsOf<S> {
  const read: Record<string, OptionValue> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const option = Object.hasOwn(schema, name) ? schema[name] : undefined;
    if (option === undefined) {
      const known = Object.keys(schema).join(", ");
      throw new ReconlossError("invalid-argument", `${loss}: unknown option "${name}"; it has: ${known}`);
    }
    const accepted = option.read(value);
    if (accepted === undefined) {
      throw new ReconlossError(
        "invalid-argument",
        `${loss}: option ${name} must be ${option.accepts}, got ${JSON.stringify(value) ?? String(value)}`,
      );
    }
    read[name] = accepted;
  }
  const defaults = Object.fromEntries(Object.entries(schema).map(([name, option]) => [name, option.default]));
  const preset = presets[String(read.preset ?? defaults.preset)] ?? {};
  const dependent = defaultsOf({ ...defaults, ...preset, ...read } as OptionsOf<S>);
  return { ...defaults, ...dependent, ...preset, ...read } as OptionsOf<S>;
}
