import { access } from "node:fs/promises";
import { register } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type LossFactory, ReconlossError } from "@reconloss/core";
import { isLossFactory } from "@reconloss/core/internal";
import { Option } from "commander";
import { reasonOf } from "../files.ts";

/** What a command is told about losses of the user's own. */
export interface PluginOptions {
  plugin?: readonly string[];
}

/** Where losses of the user's own come from. */
export function pluginOption(): Option {
  return new Option(
    "--plugin <file.mjs>",
    "a module that exports losses made by defineLoss, which can then be named; it is run; repeatable",
  ).argParser((file: string, files: readonly string[] = []) => [...files, file]);
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

/**
 * The losses that plugins export, in their order. Loading a plugin runs its code.
 *
 * @throws {ReconlossError} `file` for a plugin that is not there; `invalid-argument` for one that fails when it is loaded, or exports no loss
 */
export async function loadPlugins({ plugin: files = [] }: PluginOptions): Promise<LossFactory[]> {
  const factories: LossFactory[] = [];
  if (files.length > 0) sharePackage();
  for (const file of files) {
    const path = resolve(file);
    await access(path).catch((cause) => {
      throw new ReconlossError("file", `plugin ${file} cannot be read: ${reasonOf(cause)}`, { cause });
    });
    const module: Record<string, unknown> = await import(pathToFileURL(path).href).catch((cause) => {
      throw new ReconlossError("invalid-argument", `plugin ${file} cannot be loaded: ${reasonOf(cause)}`, { cause });
    });
    const exported = Object.values(module).filter(isLossFactory);
    if (exported.length === 0) {
      throw new ReconlossError("invalid-argument", `plugin ${file} exports no loss; losses are made by defineLoss`);
    }
    factories.push(...exported);
  }
  return factories;
}
