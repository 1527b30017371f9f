import "../weights/disk.ts";
import { ReconlossError } from "@reconloss/core";
import type { MetricFactory } from "@reconloss/core/metrics";
import { Command, CommanderError } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { exitCodeOf, exitCodes } from "../exit-codes.ts";
import { limitPixelsTo } from "../image/limit.ts";
import { applyCommand } from "./apply.ts";
import { clusterCommand } from "./cluster.ts";
import { compareCommand } from "./compare.ts";
import { degradeCommand } from "./degrade.ts";
import { distributionCommand } from "./distribution.ts";
import { exportCommand } from "./export.ts";
import { figureCommand } from "./figure.ts";
import { lossesCommand } from "./losses.ts";
import { wholeNumber } from "./numbers.ts";
import { loadPlugins, pluginsNamed } from "./plugins.ts";
import { protocolsCommand } from "./protocols.ts";
import { qualityCommand } from "./quality.ts";
import { guardOption } from "./repeated.ts";
import { shardsCommand } from "./shards.ts";
import { statsCommand } from "./stats.ts";
import { coloursFor, printable, type Terminal } from "./terminal.ts";
import { trainCommand } from "./train.ts";
import { weightsCommand } from "./weights.ts";

/** The commands that decode files from anywhere; those of a plan have the same names. */
const readingImages: readonly string[] = [
  "compare",
  "figure",
  "distribution",
  "stats",
  "train",
  "apply",
  "degrade",
  "quality",
];
/** The commands with metrics of sets, whose flags are known from plugins. */
const withMetrics: readonly string[] = ["distribution", "shards"];

/** A command and all below it. */
function withCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withCommands)];
}

/** The command line, with the flags and the help of metrics of the user's own. */
function programOf(terminal: Terminal, finish: (code: number) => void, metrics: readonly MetricFactory[]): Command {
  const program = new Command("reconloss")
    .description("image reconstruction losses and metrics")
    .version(manifest.version)
    .addCommand(compareCommand(terminal, finish))
    .addCommand(figureCommand(terminal, finish))
    .addCommand(distributionCommand(terminal, finish, metrics))
    .addCommand(clusterCommand(terminal, finish))
    .addCommand(statsCommand(terminal, finish))
    .addCommand(shardsCommand(terminal, finish, metrics))
    .addCommand(trainCommand(terminal, finish))
    .addCommand(applyCommand(terminal, finish))
    .addCommand(degradeCommand(terminal, finish))
    .addCommand(qualityCommand(terminal, finish))
    .addCommand(lossesCommand(terminal))
    .addCommand(protocolsCommand(terminal))
    .addCommand(weightsCommand(terminal, finish))
    .addCommand(exportCommand(terminal));
  for (const command of withCommands(program).filter((each) => readingImages.includes(each.name()))) {
    command.option(
      "--limit-pixels <n>",
      "maximum number of pixels of an image; default: depends on the memory",
      wholeNumber(1),
    );
  }
  program.hook("preAction", (_, command) => limitPixelsTo(command.opts<{ limitPixels?: number }>().limitPixels));
  for (const command of withCommands(program)) {
    command.options.forEach(guardOption);
    command.exitOverride().configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      outputError: (text, write) => write(text.split("\n").map(printable).join("\n")),
    });
  }
  return program;
}

/**
 * Runs the command line.
 *
 * @param args - what follows the program's name
 * @param terminal - where it prints
 * @returns the exit code, see {@link exitCodes}
 */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  let code = 0;
  const finish = (result: number) => {
    code = result;
  };
  try {
    const { metrics } = await loadPlugins({ plugin: withMetrics.includes(args[0]) ? pluginsNamed(args) : [] });
    await programOf(terminal, finish, metrics).parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (!(error instanceof ReconlossError)) throw error;
    const { red } = coloursFor(terminal.stderr, terminal.env);
    terminal.stderr.write(`${red("error:")} ${printable(error.message)}\n`);
    return exitCodeOf(error);
  }
}
