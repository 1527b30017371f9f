import { type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { checkPixelRange } from "@reconloss/core/internal";
import { type Command, Option } from "commander";
import { modelOptionsUnder } from "../compare/apply-protocol.ts";
import { type ConditionContext, conditionsOf } from "../compare/conditions.ts";
import { findProtocol, type ModelMetricOptions, openModelMetric, protocols } from "../compare/index.ts";
import { defaultMetrics, measuresFor } from "../compare/measures.ts";
import { type ModelMetricText, modelMetricOptions, parseModelMetric } from "../compare/model-metric.ts";
import { withScale } from "../compare/scale.ts";
import { deviceOption, type NetworkOptions, prepareNetworks, weightsOption } from "./networks.ts";
import { wholeNumber } from "./numbers.ts";
import { addFitOption, type LoadingFlags, loadingOf } from "./pairing-options.ts";
import { addPixelOptions, alphaOption, type PixelFlags, pixelOptions } from "./pixel-options.ts";
import { loadPlugins, type PluginOptions, pluginOption } from "./plugins.ts";
import { listOption, RepeatableOption } from "./repeated.ts";
import type { Terminal } from "./terminal.ts";

/** The flags of `compare` and of a plan of it that say what is computed. */
export interface MeasureFlags extends NetworkOptions, PluginOptions, PixelFlags, Pick<LoadingFlags, "fit"> {
  metrics?: string;
  protocol?: string;
  scale?: number;
  metricModel?: readonly ModelMetricText[];
  fail?: string;
}

/** Adds the options of {@link MeasureFlags}. */
export function addMeasureOptions(command: Command): Command {
  return addMetricFlags(command, defaultMetrics).addOption(failOption());
}

/** The option `--fail`. */
export function failOption(): Option {
  return listOption(
    "--fail <conditions>",
    "exit with 1 if a condition holds or a pair lacks a value: psnr<30,any(ssim<0.8); repeatable",
  );
}

/** Adds the options that say what is computed of which pixels. */
export function addMetricFlags(command: Command, defaults: string): Command {
  const withMetrics = command
    .addOption(
      listOption(
        "-m, --metrics <list>",
        "losses with their options, separated by commas; `as` names one, psnr(crop=2) as PSNR; repeatable",
      ).default(undefined, defaults),
    )
    .addOption(
      new Option(
        "--protocol <name>",
        `evaluate by a published protocol (metrics and pixels): ${protocols.map(({ name }) => name).join(", ")}`,
      ).argParser((name: string) => findProtocol(name).name),
    )
    .addOption(
      new Option("--scale <n>", "upscaling factor of the outputs, which crop=scale in a metric refers to")
        .argParser(wholeNumber(1))
        .default(undefined, "the protocol's"),
    )
    .addOption(
      new RepeatableOption(
        "--metric-model <name=file.onnx,...>",
        `a metric computed by an ONNX file from output and target, or from the output alone; better=lower or better=higher is required; options: ${modelMetricOptions.join(", ")}; repeatable`,
      ).argParser((text: string, before: readonly ModelMetricText[] = []) => [...before, parseModelMetric(text)]),
    );
  return addFitOption(addPixelOptions(withMetrics, alphaOption({ compares: true })))
    .addOption(pluginOption())
    .addOption(weightsOption())
    .addOption(deviceOption());
}

/**
 * Returns the losses, pixels and conditions of these flags, with the networks' weights brought to this machine.
 *
 * @param names - what conditions may name besides losses
 */
export async function measuresOf(
  flags: MeasureFlags,
  terminal: Terminal,
  names: Pick<ConditionContext, "methods" | "planes" | "ofFrames"> = {},
) {
  const loading = { ...pixelOptions(flags), ...loadingOf(flags) };
  const { losses: plugins } = await loadPlugins(flags);
  const own = await openModels(flags, plugins);
  const { protocol } = flags;
  const asked = { metrics: flags.metrics, protocol, scale: flags.scale, models: own, plugins, pixels: loading };
  const { metrics, scale, losses, applied, pixels, optional: mayLack } = measuresFor(asked);
  checkPixelRange(losses, "files");
  const fail = flags.fail === undefined ? undefined : withScale(flags.fail, scale);
  const conditions =
    fail === undefined ? undefined : conditionsOf("fail", fail, losses, { losses: plugins, applied, ...names });
  const optional = new Set(mayLack);
  for (const { label } of conditions ?? []) optional.delete(label);
  const device = await prepareNetworks(losses, flags, terminal, own.length > 0);
  return { pixels, metrics, fail, applied, losses, plugins, conditions, optional, device };
}

/** The result of {@link measuresOf}. */
export type CliMeasures = Awaited<ReturnType<typeof measuresOf>>;

/** The metrics that models of the user's own compute. */
async function openModels(
  { metricModel: texts = [], protocol }: MeasureFlags,
  plugins: readonly LossFactory[],
): Promise<Loss[]> {
  const opened: Loss[] = [];
  for (const { name, path, options } of texts) {
    if (opened.some((other) => other.name === name)) {
      throw new ReconlossError("invalid-argument", `--metric-model: ${name} is listed twice`);
    }
    const known = modelOptionsUnder(protocol, name, options) as unknown as ModelMetricOptions;
    opened.push(await openModelMetric(name, path, known, plugins));
  }
  return opened;
}
