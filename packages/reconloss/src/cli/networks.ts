import { statSync } from "node:fs";
import { type Device, type Loss, probeDevice } from "@reconloss/core";
import { InvalidArgumentError, Option } from "commander";
import { resolveWeights } from "../weights/locate.ts";
import { downloadBar } from "./download-bar.ts";
import { coloursFor, printable, type Terminal } from "./terminal.ts";

/** Flags of commands that may run networks. */
export interface NetworkOptions {
  weights?: string;
  /** Default: the CPU. */
  device?: Device;
}

/** Adds `--weights`, the folder that is searched first for networks' weights, in every command. */
export function weightsOption(): Option {
  return new Option(
    "--weights <folder>",
    "folder to search first for network weights; default: RECONLOSS_WEIGHTS",
  ).argParser((folder: string) => {
    const stats = statSync(folder, { throwIfNoEntry: false });
    if (stats?.isDirectory()) return folder;
    const found = stats === undefined ? "There is no such folder" : "It is not a folder";
    throw new InvalidArgumentError(
      `${found}; copy weights into one under their names, or: reconloss weights import FILE --as NAME.`,
    );
  });
}

/** Adds `--key`, which chooses among the groups of tensors in a checkpoint. */
export function keyOption(): Option {
  return new Option("--key <key>", "key of the tensors in the file; default: found automatically, preferring averages");
}

/** Looks for weights in a folder first, wherever they are loaded from now on. */
export function useWeightsFolder(folder: string | undefined): void {
  if (folder !== undefined) process.env.RECONLOSS_WEIGHTS = folder;
}

/** Adds `--device`, on which networks run. */
export function deviceOption(): Option {
  return new Option("--device <name>", "where networks run").choices(["cpu", "webgpu"]).default("cpu");
}

/** The device that networks can run on: where that which is wanted cannot be used, the CPU, which is said. */
export async function usableDevice(wanted: Device, { stderr, env }: Terminal): Promise<Device> {
  const { device, reason } = await probeDevice(wanted);
  if (reason) stderr.write(`${coloursFor(stderr, env).yellow("note:")} ${printable(reason)}; using the CPU\n`);
  return device;
}

/**
 * Brings the weights that losses need, with a progress bar for what is downloaded, and returns the device to use.
 *
 * @param runsModels - whether models of the user's own run too
 */
export async function prepareNetworks(
  losses: readonly Loss[],
  { weights: folder, device: wanted = "cpu" }: NetworkOptions,
  terminal: Terminal,
  runsModels = false,
): Promise<Device> {
  useWeightsFolder(folder);
  // Networks are what has to be prepared; the weights of one are part of this package and have no name to look for.
  if (!runsModels && losses.every(({ definition }) => definition?.prepare === undefined)) return "cpu";
  const device = await usableDevice(wanted, terminal);
  const names = new Set(losses.flatMap(({ definition }) => definition?.weights ?? []));
  const bar = downloadBar(terminal.stderr);
  try {
    for (const name of names) await resolveWeights(name, { onProgress: bar.onProgress, onWait: bar.onWait });
  } finally {
    bar.stop();
  }
  return device;
}
