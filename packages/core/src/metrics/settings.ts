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

/**
 * The values of a metric's options, and the protocol that was given beside them.
 *
 * @throws {ReconlossError} `invalid-argument` for options that it has not, and values that they do not take
 */
export function settingsOf<S extends Schema>(
  metric: string,
  schema: S,
  options: MetricOptions<S>,
  presets?: Readonly<Record<string, Readonly<Record<string, OptionValue>>>>,
): ResolvedOptions<S> & { readonly protocol: Protocol } {
  checkFields("options", options, { protocol: "object" });
  const { protocol = {}, ...others } = options;
  return { ...resolveOptions(metric, schema, isPlainObject(options) ? others : options, presets), protocol };
}
