import {
  type OptionsOf,
  type OptionValue,
  type ResolvedOptions,
  resolveOptions,
  type Schema,
} from "../definitions/options.ts";
import { isPlainObject } from "../records.ts";
import { checkFields } from "./arguments.ts";
import type { Protocol } from "./metric.ts";

/** The options of a metric as callers give them, with the protocol that travels into the result. */
export type MetricOptions<S extends Schema> = Partial<OptionsOf<S>> & {
  /** Travels into the result. */
  readonly protocol?: Protocol;
};

/** The options of a metric's definition. */
export interface OptionTable<S extends Schema> {
  /** The metric's name, for messages. */
  readonly name: string;
  readonly options: S;
  readonly presets?: Readonly<Record<string, Partial<OptionsOf<S>>>>;
  /** Options that others, which were given, bring with them unless they were given too. */
  readonly implies?: (given: Partial<OptionsOf<S>>) => Partial<OptionsOf<S>>;
}

/** The values of a metric's options. @throws {ReconlossError} `invalid-argument` for options that it has not, and values that they do not take */
export function resolveSettings<S extends Schema>(
  { name, options: schema, presets, implies }: OptionTable<S>,
  options: Readonly<Record<string, unknown>>,
): ResolvedOptions<S> {
  const resolve = (some: Readonly<Record<string, unknown>>) =>
    resolveOptions(name, schema, some, presets as Readonly<Record<string, Readonly<Record<string, OptionValue>>>>);
  const { given } = resolve(options);
  return resolve({ ...implies?.(given), ...given });
}

/**
 * The values of a metric's options, and the protocol that was given beside them.
 *
 * @throws {ReconlossError} `invalid-argument` for options that it has not, and values that they do not take
 */
export function settingsOf<S extends Schema>(
  table: OptionTable<S>,
  options: MetricOptions<S>,
): OptionsOf<S> & { readonly protocol: Protocol } {
  checkFields("options", options, { protocol: "object" });
  const { protocol = {}, ...others } = options;
  return { ...resolveSettings(table, isPlainObject(options) ? others : options).values, protocol };
}
