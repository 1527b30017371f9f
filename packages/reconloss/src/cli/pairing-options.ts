import { ReconlossError } from "@reconloss/core";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type CompareOptions, type Fit, fits } from "../compare/index.ts";
import { type Pairing, type PairOptions, pairPaths, type Region, readPairList, readRegions } from "../image/index.ts";
import { printMessage } from "./messages.ts";
import { RepeatableOption } from "./repeated.ts";
import type { Terminal } from "./terminal.ts";

/** The flags of pairing images, and of the regions that count. */
export interface PairingFlags {
  pair?: readonly string[];
  exclude?: readonly string[];
  masks?: string;
  ignore?: readonly string[];
}

/** The flags of reading a pair as two images of one size. */
export interface LoadingFlags {
  fit?: Fit;
  /** As {@link PixelFlags} has it; `mask` is a weight. */
  alpha?: string;
}

/** Adds the options of {@link PairingFlags}. */
export function addPairingOptions(command: Command): Command {
  const repeatable = (flags: string, description: string) =>
    new RepeatableOption(flags, description).argParser((text: string, before: readonly string[] = []) => [
      ...before,
      text,
    ]);
  return command
    .addOption(
      repeatable(
        "--pair <output=target>",
        "pattern that pairs names: {name}_x4.png={name}.png; repeatable; for each folder, the pattern that pairs most is used",
      ),
    )
    .addOption(repeatable("--exclude <glob>", "images to leave out, among outputs and targets; repeatable"))
    .option(
      "--masks <path>",
      "a mask for each pair, named like target or output, or one for all; grey levels are weights",
    )
    .addOption(
      repeatable("--ignore <x,y,w,h>", "a rectangle to ignore, or a JSON file of rectangles by image; repeatable"),
    );
}

/** Adds `--fit`. */
export function addFitOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--fit <how>",
      "what to do if an output and its target differ in size: report an error, crop both, or resize the output",
    )
      .choices(fits)
      .default(undefined, "error"),
  );
}

/** Adds `--no-inspect`. */
export function addInspectOption(command: Command): Command {
  return command.option("--no-inspect", "do not check if outputs are shifted, brighter or darker, or BGR");
}

/** The option of `comparePairs` for `--no-inspect`. */
export function inspectOf({ inspect }: { inspect: boolean }): Pick<CompareOptions, "inspect"> {
  return inspect ? {} : { inspect };
}

/** Adds `--list`. */
export function addListOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--list <file>",
      "read pairs from a list instead of folders: a .csv with columns output and target, optionally mask and group; or .jsonl",
    ).argParser((text: string) => {
      if (/\.(csv|jsonl|ndjson)$/i.test(text)) return text;
      throw new InvalidArgumentError("It must end in .csv or .jsonl.");
    }),
  );
}

/** A rectangle as it is typed. */
function parseRegion(text: string): Region | undefined {
  if (!/^\s*\d+\s*(,\s*\d+\s*){3}$/.test(text)) return undefined;
  const region = text.split(",").map(Number) as unknown as Region;
  if (region[2] > 0 && region[3] > 0) return region;
  throw new ReconlossError("invalid-argument", `--ignore ${text}: width and height must be at least 1`);
}

/**
 * Returns the options of `pairPaths` for these flags.
 *
 * @throws {ReconlossError} `invalid-argument` for rectangles for all images beside some by image; whatever is wrong with a file of them
 */
export async function pairingOf({ pair, exclude, masks, ignore }: PairingFlags): Promise<PairOptions> {
  const all: Region[] = [];
  const named: Record<string, Region[]> = {};
  for (const text of ignore ?? []) {
    const region = parseRegion(text);
    if (region !== undefined) {
      all.push(region);
      continue;
    }
    if (!/\.json$/i.test(text)) {
      throw new ReconlossError("invalid-argument", `--ignore must be x,y,w,h or a .json file, got ${text}`);
    }
    const read = await readRegions(text);
    if (Array.isArray(read)) all.push(...(read as readonly Region[]));
    else {
      for (const [name, regions] of Object.entries(read)) named[name] = [...(named[name] ?? []), ...regions];
    }
  }
  if (all.length > 0 && Object.keys(named).length > 0) {
    const problem = "rectangles for all images and a file by image cannot be combined";
    throw new ReconlossError("invalid-argument", `--ignore: ${problem}; write all of them into the file`);
  }
  return {
    ...(pair === undefined ? {} : { pair }),
    ...(exclude === undefined ? {} : { exclude }),
    ...(masks === undefined ? {} : { masks }),
    ...(all.length > 0 ? { ignore: all } : Object.keys(named).length > 0 ? { ignore: named } : {}),
  };
}

/** The options of `comparePairs` for these flags. */
export function loadingOf({ fit, alpha }: LoadingFlags): Pick<CompareOptions, "fit" | "alphaMask"> {
  return { ...(fit === undefined ? {} : { fit }), ...(alpha === "mask" ? { alphaMask: true } : {}) };
}

/** The pairs of a list, or of outputs and targets. */
export async function pairsOf(
  inputs: { readonly outputs: string; readonly targets: string; readonly list?: string },
  flags: PairingFlags,
): Promise<Pairing> {
  const options = await pairingOf(flags);
  if (inputs.list === undefined) return pairPaths(inputs.outputs, inputs.targets, options);
  return { pairs: await readPairList(inputs.list), unpaired: [] };
}

/** A proposal of a pattern for outputs. */
interface Proposed extends Pick<Pairing, "proposal"> {
  /** Of which method they are, where there are several. */
  readonly name?: string;
}

/** Says how more images would pair; where methods have patterns of their own, with all of them to be typed. */
export function printProposals(proposed: readonly Proposed[], terminal: Terminal): void {
  const found = proposed.flatMap(({ name, proposal }) => (proposal === undefined ? [] : [{ name, ...proposal }]));
  for (const { name, text } of found) {
    printMessage(terminal, "yellow", "note:", `${name === undefined ? "" : `${name}: `}${text}`);
  }
  const patterns = [...new Set(found.map(({ pair }) => pair))];
  if (patterns.length < 2) return;
  printMessage(terminal, "yellow", "note:", `all of them by ${patterns.map((pair) => `--pair "${pair}"`).join(" ")}`);
}
