import { access } from "node:fs/promises";
import { register } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type LossFactory, ReconlossError } from "@reconloss/core";
import { isLossFactory, isMetricFactory } from "@reconloss/core/internal";
import type { MetricFactory } from "@reconloss/core/metrics";
import { reasonOf } from "./files.ts";

/** The options by which a command gets losses and metrics of the user's own. */
export interface PluginOptions {
  plugin?: readonly string[];
}

let sharesPackage = false;

/** Lets plugins import "reconloss" wherever they lie, as the very package that runs: losses of another copy would not know its tensors. */
function sharePackage(): void {
  if (sharesPackage) return;
  sharesPackage = true;
  const hooks = `export const resolve = (name, context, next) =>
    next(name, /^reconloss(\\/|$)/.test(name) ? { ...context, parentURL: ${JSON.stringify(import.meta.url)} } : context);`;
  register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}

/** The exports of plugins, each in its order. */
export interface Plugins {
  readonly losses: LossFactory[];
  readonly metrics: MetricFactory[];
}

/** The files that a command line names by `--plugin`, for what must be known before it is parsed. */
export function pluginsNamed(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => {
    if (arg === "--plugin") return args.slice(i + 1, i + 2);
    return arg.startsWith("--plugin=") ? [arg.slice("--plugin=".length)] : [];
  });
}

/**
 * The losses and metrics that plugins export. Loading a plugin runs its code.
 *
 * @throws {ReconlossError} `file` for a plugin that is not there; `invalid-argument` for one that fails when it is loaded, or exports neither
 */
export async function loadPlugins({ plugin: files = [] }: PluginOptions): Promise<Plugins> {
  const plugins: Plugins = { losses: [], metrics: [] };
  if (files.length > 0) sharePackage();
  for (const file of files) {
    const path = resolve(file);
    await access(path).catch((cause) => {
      throw new ReconlossError("file", `plugin ${file} cannot be read: ${reasonOf(cause)}`, { cause });
    });
    const module: Record<string, unknown> = await import(pathToFileURL(path).href).catch((cause) => {
      throw new ReconlossError("invalid-argument", `plugin ${file} cannot be loaded: ${reasonOf(cause)}`, { cause });
    });
    const exported = Object.values(module);
    const [losses, metrics] = [exported.filter(isLossFactory), exported.filter(isMetricFactory)];
    if (losses.length + metrics.length === 0) {
      const made = "losses are made by defineLoss, metrics of sets by defineMetric";
      throw new ReconlossError("invalid-argument", `plugin ${file} exports no loss; ${made}`);
    }
    plugins.losses.push(...losses);
    plugins.metrics.push(...metrics);
  }
  return plugins;
}
