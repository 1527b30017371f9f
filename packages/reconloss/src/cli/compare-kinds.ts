import { ReconlossError } from "@reconloss/core";
import type { Command } from "commander";
import type { CompareFlags } from "./compare-flags.ts";

/** The kinds of what `compare` is given, as messages name them. */
const kinds = {
  images: "two images or folders of them",
  list: "a list of pairs",
  methods: "several methods",
  videos: "videos",
  folders: "folders of frames",
} as const;

/** A kind of comparison. */
export type Kind = keyof typeof kinds;

const all = Object.keys(kinds) as readonly Kind[];
/** The kinds that compare files pair by pair, and print a table of means. */
const ofPairs = ["images", "list", "methods"] as const;
/** The kinds that look for images in folders by themselves. */
const ofFolders = ["images", "methods"] as const;
/** The kinds whose pixels are those of image files. */
const ofFiles = [...ofPairs, "folders"] as const;

/** The names of options; the most pixels are an option of every command that reads images. */
type OptionName = keyof CompareFlags | "limitPixels";

/** The kinds of comparison that each option is for. */
export const takenBy: Readonly<Record<OptionName, readonly Kind[]>> = {
  ...{ limitPixels: all, metrics: all, plugin: all, weights: all, device: all, progress: all },
  ...{ fail: all, baseline: all, tolerance: all, junit: all, summary: all, annotate: all },
  ...{ json: all, csv: all, report: all },
  ...{ decode: ofFiles, alpha: ofFiles, background: ofFiles, inspect: ofFiles, cache: ofFiles, jobs: ofFiles },
  ...{ protocol: ofPairs, scale: ofPairs, metricModel: ofPairs, fit: ofPairs },
  ...{ markdown: ofPairs, latex: ofPairs, intervals: ofPairs, seed: ofPairs },
  ...{ jsonl: ofPairs, stream: ofPairs, maps: ofPairs },
  ...{ pair: ofFolders, exclude: ofFolders, masks: ofFolders, ignore: ofFolders },
  ...{ list: ["list"], targets: ["methods"] },
  // Where they say nothing, as of paths that are not there, what is wrong is told of these.
  ...{ frames: ["videos", "folders", "images"], planes: ["videos"] },
};

/**
 * Refuses the options that were typed and that a kind of comparison has no use for: they would be ignored.
 *
 * @throws {ReconlossError} `invalid-argument`
 */
export function refuseOthers(command: Command, kind: Kind): void {
  for (const option of command.options) {
    const name = option.attributeName() as OptionName;
    if (command.getOptionValueSource(name) !== "cli" || takenBy[name].includes(kind)) continue;
    // `--cache` and `--no-cache` are two options of one name.
    if (option.negate !== (command.getOptionValue(name) === false)) continue;
    throw new ReconlossError(
      "invalid-argument",
      `${option.long} does not apply to ${kinds[kind]}; omit ${option.long}`,
    );
  }
}
