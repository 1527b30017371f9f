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
import { isPresetName, networkPresets } from "../onnx/presets.ts";
import { networks, tinyName } from "./extractor.ts";
import { type FeatureOptions, isInception } from "./features.ts";

function refuse(problem: string): never {
  throw new ReconlossError("invalid-argument", problem);
}

/** The network that is part of the package. */
const isTiny = ({ extractor, network }: FeatureOptions) => extractor === undefined && network === "tiny";

/** The name of a network; an extractor of the caller's own has its own. */
const nameOfNetwork = ({ extractor, network = "inception-fid" }: FeatureOptions) => extractor?.name ?? network;

const isInceptionName = (network: string) => Object.hasOwn(networks, network);

/** Whether a network has what a metric's name stands for: FID is of Inception's features alone, class scores are of any classifier. */
function fits({ features, network }: SetMetric["info"], options: FeatureOptions): boolean {
  if (network === "inception" && (features === "main" ? !isInceptionName(nameOfNetwork(options)) : isTiny(options))) {
    return false;
  }
  return features !== "spatial" || isInception(options);
}

/** The metric that a network's features are known for, else the first of their means and covariances: FID, or what takes its place. */
function usualMetric(options: FeatureOptions): SetMetric {
  const name = options.onnx?.preset ?? nameOfNetwork(options);
  const known = isPresetName(name) ? networkPresets[name].metric : undefined;
  const usual = metricFactories.find(({ info }) => info.name === known);
  return usual === undefined ? usualOfMoments(options) : usual();
}

function usualOfMoments(options: FeatureOptions): SetMetric {
  const usual = metricFactories.find(({ info }) => {
    return info.features === "main" && info.needs.output === "moments" && fits(info, options);
  });
  return (usual as MetricFactory)();
}

/** The usual metric of statistics: of those that do not say their network, as of Inception. */
export function usualOfStatistics({ network }: Protocol = {}): SetMetric {
  return usualOfMoments(network === undefined ? {} : { network: network === tinyName ? "tiny" : String(network) });
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
  if (metrics.length === 0) refuse("no metric is given");
  const others = metrics.filter(({ info }) => !fits(info, options)).map(({ info }) => info);
  const ofInception = others.filter(({ network, features }) => {
    return network === "inception" && (features !== "spatial" || isTiny(options));
  });
  if (ofInception.length > 0) {
    const possible = metricFactories.filter(({ info }) => fits(info, options)).map(({ info }) => info.name);
    refuse(
      `${ofInception.map(({ name }) => name).join(", ")} need Inception's features; for network ${nameOfNetwork(options)}, use ${possible.join(", ")}`,
    );
  }
  if (others.length > 0) refuse(`${others[0].name} needs spatial features from inception-fid or inception_v3`);
  return metrics;
}

function metricFrom(asked: string | SetMetric | MetricFactory): SetMetric {
  if (typeof asked === "string") return parseMetric(asked);
  if (isMetricFactory(asked)) return asked();
  if (isSetMetric(asked)) return asked;
  return refuse("metrics must be names such as kid(kernel=rbf), or factories made by defineMetric");
}

/** The name of a result: by its network's features, and of patches by how they were cut. */
export function resultName(metric: SetMetric, protocol: Protocol, state: SetState): string {
  const name = nameByFeatures(metric, protocol, state);
  return protocol.patches === undefined ? name : withOption(name, `patches=${protocol.patches}`);
}

/**
 * The plain name is that of Inception's 2048 features, those of papers; of a published network that is fed as in the papers, the name that the literature
 * has; of all others, the network is in the name.
 */
function nameByFeatures({ info, label }: SetMetric, { network }: Protocol, state: SetState): string {
  const dimension = "dimension" in state ? state.dimension : state.mean.length;
  if (network === undefined || isInceptionName(String(network))) {
    const isShort = network !== undefined && info.features === "main" && dimension !== 2048;
    return isShort ? withOption(label, `dims=${dimension}`) : label;
  }
  const name = String(network);
  if (info.network === "inception" && info.features !== "logits") {
    const { info: usual } = usualOfStatistics({ network });
    refuse(`these are statistics for network ${name}, from which ${info.name} cannot be computed; use ${usual.name}`);
  }
  const published: Readonly<Record<string, string>> = isPresetName(name) ? networkPresets[name].names : {};
  if (Object.hasOwn(published, info.name) && label.startsWith(info.name)) {
    return published[info.name] + label.slice(info.name.length);
  }
  return withOption(label, `features=${name}`);
}

/** A label with one more option in its parentheses. */
function withOption(label: string, option: string): string {
  return label.endsWith(")") ? `${label.slice(0, -1)},${option})` : `${label}(${option})`;
}
