import { ReconlossError } from "@reconloss/core";
import { isMetricFactory, isSetMetric } from "@reconloss/core/internal";
import {
  type MetricFactory,
  metricFactories,
  type Protocol,
  parseMetric,
  type SetMetric,
  type SetState,
} from "@reconloss/core/metrics";
import { networks, tinyName } from "./extractor.ts";
import { type FeatureOptions, isInception } from "./features.ts";

function refuse(problem: string): never {
  throw new ReconlossError("invalid-argument", problem);
}

/** The network that is part of the package. */
const isTiny = ({ extractor, network }: FeatureOptions) => extractor === undefined && network === "tiny";

/** Whether a network has what a metric's name stands for. */
function fits({ features, network }: SetMetric["info"], options: FeatureOptions): boolean {
  if (network === "inception" && isTiny(options)) return false;
  return features !== "spatial" || isInception(options);
}

/** The first metric of the means and covariances of a network's main features: FID, or what takes its place. */
function usualMetric(options: FeatureOptions): SetMetric {
  const usual = metricFactories.find(({ info }) => {
    return info.features === "main" && info.needs.output === "moments" && fits(info, options);
  });
  return (usual as MetricFactory)();
}

/**
 * The metrics that are asked for, each once, or the usual one.
 *
 * @throws {ReconlossError} `invalid-argument` and `syntax` for what is no metric, or none of the network's features
 */
export function chosenMetrics(
  asked: readonly (string | SetMetric | MetricFactory)[] | undefined,
  options: FeatureOptions,
): SetMetric[] {
  const all = asked?.map(metricFrom) ?? [usualMetric(options)];
  const metrics = [...new Map(all.map((metric) => [metric.label, metric])).values()];
  if (metrics.length === 0) refuse("no metric is asked for");
  const others = metrics.filter(({ info }) => !fits(info, options)).map(({ info }) => info);
  const ofInception = others.filter(({ network }) => network === "inception" && isTiny(options));
  if (ofInception.length > 0) {
    const possible = metricFactories.filter(({ info }) => fits(info, options)).map(({ info }) => info.name);
    refuse(
      `${ofInception.map(({ name }) => name).join(", ")} are of Inception's features; of network tiny there are ${possible.join(", ")}`,
    );
  }
  if (others.length > 0) refuse(`${others[0].name} is of spatial features of inception-fid or inception_v3`);
  return metrics;
}

function metricFrom(asked: string | SetMetric | MetricFactory): SetMetric {
  if (typeof asked === "string") return parseMetric(asked);
  if (isMetricFactory(asked)) return asked();
  if (isSetMetric(asked)) return asked;
  return refuse("metrics must be names such as kid(kernel=rbf), or what defineMetric makes");
}

/** What a result is called: the plain name is that of Inception's 2048 features, those of papers. */
export function resultName({ info, label }: SetMetric, { network }: Protocol, state: SetState): string {
  const dimension = "dimension" in state ? state.dimension : state.mean.length;
  if (network === tinyName) {
    if (info.network === "inception") {
      const { info: usual } = usualMetric({ network: "tiny" });
      refuse(`these are statistics of network ${network}, which make no ${info.name}; ask for ${usual.name}`);
    }
    return withOption(label, `features=${network}`);
  }
  const isShort = Object.hasOwn(networks, String(network)) && info.features === "main" && dimension !== 2048;
  return isShort ? withOption(label, `dims=${dimension}`) : label;
}

/** A label with one more option in its parentheses. */
function withOption(label: string, option: string): string {
  return label.endsWith(")") ? `${label.slice(0, -1)},${option})` : `${label}(${option})`;
}
