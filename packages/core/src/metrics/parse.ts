import { described } from "../arguments.ts";
import { parseOptions, splitOutside } from "../definitions/specification.ts";
import { ReconlossError } from "../errors.ts";
import { matching, suggestion } from "../names.ts";
import { isMetricFactory, labelledMetric, type MetricFactory, type SetMetric } from "./definition.ts";
import { metricFactories } from "./registry.ts";

const pattern = /^(?<name>[A-Za-z][\w-]*)\s*(?:\((?<options>[^()]*)\))?$/;

/**
 * A metric of sets of images from its specification, such as `kid` or `kid(kernel=rbf,sigma=5)`. Names, options and words are matched without regard to
 * case, hyphens and underscores.
 *
 * @param more - metrics that can be named besides the library's own, made by {@link defineMetric}
 * @throws {ReconlossError} `syntax` for text that is no specification; `invalid-argument` for an unknown metric, or an option that it does not take
 *
 * @example
 * ```ts
 * import { parseMetric } from "@reconloss/core/metrics";
 * parseMetric("kid(kernel=rbf, sigma=5)").options.sigma; // 5
 * ```
 */
export function parseMetric(spec: string, more: readonly MetricFactory[] = []): SetMetric {
  if (typeof spec !== "string") {
    throw new ReconlossError("invalid-argument", `a metric must be a text such as "kid", got ${described(spec)}`);
  }
  const text = spec.trim();
  const { name: word, options = "" } = pattern.exec(text)?.groups ?? {};
  if (word === undefined) {
    throw new ReconlossError("syntax", `metric "${text}": expected name or name(option=value,...)`);
  }
  const factories = knownMetrics(more);
  const names = factories.map(({ info }) => info.name);
  const name = matching(word, names);
  if (name === undefined) {
    const near = suggestion(word, names);
    throw new ReconlossError("invalid-argument", `there is no metric ${word}; there are: ${names.join(", ")}${near}`);
  }
  const given = parseOptions("metric", text, options);
  const metric = factories[names.indexOf(name)](given as Parameters<MetricFactory>[0]);
  const settings = Object.entries(given).map(([option, value]) => `${option}=${value}`);
  return labelledMetric(metric, settings.length === 0 ? name : `${name}(${settings.join(",")})`);
}

/**
 * Several metrics from a list of specifications separated by commas.
 *
 * @throws {ReconlossError} as {@link parseMetric}
 *
 * @example
 * ```ts
 * import { parseMetrics } from "@reconloss/core/metrics";
 * parseMetrics("fid, kid(kernel=rbf,sigma=5)").map(({ label }) => label); // ["fid", "kid(kernel=rbf,sigma=5)"]
 * ```
 */
export function parseMetrics(list: string, more: readonly MetricFactory[] = []): SetMetric[] {
  if (typeof list !== "string") {
    throw new ReconlossError("invalid-argument", `metrics must be a text such as "fid,kid", got ${described(list)}`);
  }
  return splitOutside("metric", list, ",").map((spec) => parseMetric(spec, more));
}

/** The library's metrics and more. @throws {ReconlossError} `invalid-argument` for one under a name that is taken */
export function knownMetrics(more: readonly MetricFactory[]): MetricFactory[] {
  if (!Array.isArray(more) || !more.every(isMetricFactory)) {
    throw new ReconlossError("invalid-argument", "custom metrics must be an array of factories made by defineMetric");
  }
  const all = [...metricFactories];
  for (const factory of more) {
    if (all.includes(factory)) continue;
    const taken = matching(
      factory.info.name,
      all.map(({ info }) => info.name),
    );
    if (taken !== undefined) {
      const problem = `a custom metric cannot be named "${factory.info.name}": "${taken}" exists already`;
      throw new ReconlossError("invalid-argument", problem);
    }
    all.push(factory);
  }
  return all;
}
