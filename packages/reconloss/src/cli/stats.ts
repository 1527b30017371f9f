import { Command } from "commander";
import { countOf } from "../distribution/evaluate.ts";
import { computeStatistics, writeStatistics } from "../distribution/index.ts";
import {
  addFeatureOptions,
  type FeatureFlags,
  featureOptions,
  printProblems,
  setsHelp,
  sideProgress,
} from "./distribution.ts";
import { noteNewFolder } from "./new-folder.ts";
import { jsonText, printable, type Terminal } from "./terminal.ts";

interface Flags extends FeatureFlags {
  output: string;
  sfid?: boolean;
}

/** `reconloss stats`; `finish` receives the exit code. */
export function statsCommand(terminal: Terminal, finish: (code: number) => void): Command {
  const command = new Command("stats")
    .description("compute the statistics of a set of real images, for reconloss distribution and other programs")
    .argument("<images>", "a set of images (see below)")
    .requiredOption("-o, --output <file.npz>", "the file to write")
    .option("--sfid", "also compute the statistics of sFID (mu_s, sigma_s)");
  return addFeatureOptions(command)
    .addHelpText(
      "after",
      `${setsHelp}

Examples:
  reconloss stats reals/ -o reals.npz
  reconloss stats "reals-{000..199}.tar" -o reals.npz
  reconloss stats reals/ -o reals.npz --sfid --resize legacy-tensorflow

The file has the arrays mu and sigma, as in pytorch-fid, and the settings that they were computed with.
Exit codes: 0 success; 1 an image could not be read, or no statistics could be computed; 2 wrong usage; 3 the machine lacks something: weights,
disk space, a permission.`,
    )
    .action(async (images: string, flags: Flags) => {
      await noteNewFolder(flags.output, terminal);
      const features = await featureOptions(flags, terminal);
      const progress = sideProgress(terminal, flags.progress);
      const { statistics, set, warnings } = await computeStatistics(images, {
        ...features,
        spatial: flags.sfid,
        onProgress: progress.onProgress,
      }).finally(progress.stop);
      finish(await printStatistics({ statistics, set, warnings }, flags, terminal));
    });
}

/** Writes statistics, says so, and returns the exit code. */
export async function printStatistics(
  { statistics, set, warnings }: Awaited<ReturnType<typeof computeStatistics>>,
  { output, json }: { output: string; json?: boolean },
  terminal: Terminal,
): Promise<number> {
  await writeStatistics(output, statistics);
  const { protocol, fid } = statistics;
  const summary = { output, ...set, features: fid.mean.length, protocol, warnings };
  terminal.stdout.write(
    json
      ? `${jsonText(summary, 2)}\n`
      : `${printable(output)}: ${countOf(set)}${set.decode ? ` (${set.decode})` : ""}, ${fid.mean.length} features\n`,
  );
  printProblems(terminal, [set], warnings);
  return set.unreadable.length > 0 ? 1 : 0;
}
