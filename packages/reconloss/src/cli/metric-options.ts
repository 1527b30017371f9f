import { ReconlossError } from "@reconloss/core";
import { type MetricFactory, metricNames, parseMetrics, type SetMetric } from "@reconloss/core/metrics";
import { type Command, InvalidArgumentError, Option } from "commander";
import { arrowOf } from "../compare/index.ts";
import { listOption } from "./repeated.ts";

/** An option of metrics on the command line: `--kid-subsets`, or `--seed`, which several have. */
interface MetricFlag {
  readonly option: Option;
  /** The name of the option in the metrics that have it. */
  readonly names: ReadonlyMap<string, string>;
}

/** `kid` and `subsetSize` as `kid-subset-size`. */
function flagOf(metric: string, option: string): string {
  return `${metric}-${option.replace(/[A-Z]/g, (letter) => `-${letter}`)}`.toLowerCase().replaceAll("_", "-");
}

/** A flag for every option of these metrics. */
function metricFlags(factories: readonly MetricFactory[]): MetricFlag[] {
  const byFlag = new Map<string, { info: MetricFactory["info"]; name: string }[]>();
  for (const { info } of factories) {
    for (const name of Object.keys(info.options)) {
      const flag = info.flags?.[name] ?? flagOf(info.name, name);
      byFlag.set(flag, [...(byFlag.get(flag) ?? []), { info, name }]);
    }
  }
  return [...byFlag].map(([flag, users]) => {
    const [{ info, name }] = users;
    const { help, accepts, words, read, default: fallback } = info.options[name];
    const metrics = users.map((user) => user.info.name);
    const option = new Option(
      `--${flag} <${words ? "word" : "n"}>`,
      `${metrics.join(", ")}: ${help}; ${accepts} (default: ${fallback})`,
    )
      .helpGroup("Options of metrics:")
      .argParser((text) => {
        const value = read(text);
        if (value === undefined) throw new InvalidArgumentError(`It must be ${accepts}.`);
        return value;
      });
    return { option, names: new Map(users.map((user) => [user.info.name, user.name])) };
  });
}

/** Adds `--metrics`, a flag for every option of a metric, and the list of metrics to the help. */
export function addMetricOptions(command: Command, factories: readonly MetricFactory[]): Command {
  command.addOption(
    listOption(
      "-m, --metrics <list>",
      `one or more of ${factories.map(({ info }) => info.name).join(", ")}, separated by commas, with options as in "kid(kernel=rbf)" (default: ${metricNames[0]}; of network tiny: frechet); repeatable`,
    ),
  );
  for (const { option } of metricFlags(factories)) command.addOption(option);
  const width = Math.max(...factories.map(({ info }) => info.name.length));
  const lines = factories.map(
    ({ info: { name, better, summary } }) => `  ${name.padEnd(width)} ${arrowOf(better)}  ${summary}`,
  );
  return command.addHelpText("after", `\nMetrics:\n${lines.join("\n")}`);
}

/**
 * The metrics that were asked for, with the options that flags say of them; absent where none was asked for.
 *
 * @throws {ReconlossError} `invalid-argument` for a flag of none of them, or that contradicts what stands in a metric's parentheses
 */
export function requestedMetrics(
  flags: Readonly<Record<string, unknown>> & { metrics?: string },
  factories: readonly MetricFactory[],
): SetMetric[] | undefined {
  const given = metricFlags(factories).flatMap(({ option, names }) => {
    const value = flags[option.attributeName()];
    return value === undefined ? [] : [{ flag: option.long, names, value }];
  });
  const metrics = flags.metrics === undefined ? undefined : parseMetrics(flags.metrics, factories);
  for (const { flag, names } of given) {
    if (metrics?.some(({ info }) => names.has(info.name))) continue;
    const owners = [...names.keys()].join(", ");
    throw new ReconlossError("invalid-argument", `${flag} applies only to ${owners}, which --metrics does not request`);
  }
  return metrics?.map((metric) => {
    const own = given.flatMap(({ flag, names, value }) => {
      const name = names.get(metric.info.name);
      return name === undefined ? [] : [{ flag, name, value }];
    });
    const complete = metric.withOptions(Object.fromEntries(own.map(({ name, value }) => [name, value])));
    for (const { flag, name, value } of own) {
      if (complete.options[name] === value) continue;
      throw new ReconlossError("invalid-argument", `${flag} says ${value}, and --metrics ${metric.label}`);
    }
    return complete;
  });
}
