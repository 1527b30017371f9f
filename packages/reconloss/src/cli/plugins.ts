import type { Option } from "commander";
import { RepeatableOption } from "./repeated.ts";

export { loadPlugins, type PluginOptions, pluginsNamed } from "../plugins.ts";

/** Adds `--plugin`, the modules that define losses and metrics of the user's own. */
export function pluginOption(): Option {
  return new RepeatableOption(
    "--plugin <file.mjs>",
    "a module that exports losses made by defineLoss, or metrics of sets by defineMetric, which can then be named; it is run; repeatable",
  ).argParser((file: string, files: readonly string[] = []) => [...files, file]);
}
