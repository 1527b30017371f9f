import type { Option } from "commander";
import { RepeatableOption } from "./repeated.ts";

export { loadPlugins, type PluginOptions, pluginsNamed } from "../plugins.ts";

/** Adds `--plugin`, the modules that define losses and metrics of the user's own. */
export function pluginOption(): Option {
  return new RepeatableOption(
    "--plugin <file.mjs>",
    "a module with losses made by defineLoss or metrics of sets made by defineMetric; its code is executed; repeatable",
  ).argParser((file: string, files: readonly string[] = []) => [...files, file]);
}
