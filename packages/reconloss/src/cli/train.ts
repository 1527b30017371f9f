import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type LossFactory, ReconlossError } from "@reconloss/core";
import { gan } from "@reconloss/core/train";
import { Argument, Command, Option } from "commander";
import { arrowOf, formatNumber, isWorse } from "../compare/index.ts";
import { writeTrainingReport } from "../report/index.ts";
import {
  completeSettings,
  describeCoverage,
  runTraining,
  savedSettings,
  type TrainingProgress,
  type TrainingSettings,
  taskList,
} from "../tasks/index.ts";
import { trainingLoss } from "../tasks/settings.ts";
import { printIgnoredFiles } from "./ignored-files.ts";
import { type NetworkOptions, prepareNetworks, weightsOption } from "./networks.ts";
import { noteNewFolder } from "./new-folder.ts";
import { positiveNumber, wholeNumber } from "./numbers.ts";
import { alphaOptions, backgroundOption } from "./pixel-options.ts";
import { loadPlugins, type PluginOptions, pluginOption } from "./plugins.ts";
import { plainTable } from "./table.ts";
import { coloursFor, jsonText, printable, type Terminal } from "./terminal.ts";
import { trainingLine } from "./training-line.ts";

/** Settings that may change when a training goes on; all others are the saved ones. */
const changeable: readonly (keyof TrainingSettings)[] = ["steps", "every", "data", "validation", "learningRate"];

/** The settings that can be said. */
const settingNames = [
  ...["task", "data", "validation", "init", "loss", "steps", "seed", "batch", "patch", "learningRate"],
  ...["every", "megapixels", "alpha", "background", "scale", "size", "channels", "validationAll"],
] as const satisfies readonly (keyof TrainingSettings)[];

interface Flags extends NetworkOptions, PluginOptions, Partial<TrainingSettings> {
  output: string;
  resume?: boolean;
  json?: boolean;
  progress: boolean;
}

/** `reconloss train`; `finish` receives the exit code. */
export function trainCommand(terminal: Terminal, finish: (code: number) => void): Command {
  const summaries = taskList.map(({ name, summary }) => `  ${name.padEnd(18)}${summary}`).join("\n");
  const ganOptions = Object.entries(gan.info.options)
    .map(([name, { default: fallback, help }]) => `  ${`${name}=${fallback}`.padEnd(22)}${help}`)
    .join("\n");
  return new Command("train")
    .description("train a network on your own photographs, with any loss")
    .addArgument(new Argument("[task]", "the task").choices(taskList.map(({ name }) => name)))
    .requiredOption("-o, --output <folder>", "output folder for checkpoint, log, report and model.onnx")
    .option("--data <folder>", "folder of training photographs, including subfolders")
    .option(
      "--validation <folder>",
      "folder of held-out photographs; default: every tenth of --data, or the middle of each if there are few",
    )
    .option(
      "--validation-all",
      "evaluate every held-out photograph completely; default: at most 24 squares of 256 pixels, at most 4 per photograph",
    )
    .option(
      "--init <file>",
      "start from an existing network: a checkpoint for this task (safetensors, .pth), or any ONNX file that maps images to images",
    )
    .option("--loss <loss>", 'the loss to minimise: "l1 + 0.1*lpips(net=alex) + 0.005*gan"; default: the task\'s')
    .option("--steps <n>", "number of steps", wholeNumber(1))
    .option("--resume", "resume the training in the folder")
    .option("--scale <n>", "super-resolution: upscaling factor, 2, 3 or 4", wholeNumber(1))
    .option("--size <n>", "generate: side of the images, 32 or 64", wholeNumber(1))
    .option(
      "--channels <n>",
      "number of channels: 3, or 1 for a network of grey images, trained on the luma of photographs",
      wholeNumber(1),
    )
    .option("--batch <n>", "patches per step", wholeNumber(1))
    .option("--patch <pixels>", "size of the target's patches in pixels", wholeNumber(1))
    .option(
      "--lr, --learning-rate <rate>",
      "learning rate of Adam; with --resume, for the remaining steps",
      positiveNumber,
    )
    .option("--seed <n>", "seed of all random numbers", wholeNumber(0))
    .option("--every <n>", "steps between validations; default: a tenth of all steps", wholeNumber(1))
    .option("--megapixels <n>", "maximum number of million pixels of photographs in memory", wholeNumber(1))
    .addOption(
      new Option("--alpha <mode>", "transparent photographs: leave out, or composite over --background").choices([
        "reject",
        "composite",
      ]),
    )
    .addOption(backgroundOption())
    .addOption(pluginOption())
    .addOption(weightsOption())
    .option("--json", "print one JSON object at the end")
    .option("--no-progress", "no progress line")
    .addHelpText(
      "after",
      `
Tasks:
${summaries}

The loss may be any loss that reconloss losses lists, a sum of losses, or gan, a discriminator that is trained together with the network. Its options are
${ganOptions}

A term with @ starts later: 0.5*gan@2000 after 2000 steps; with @2000..2500, its weight rises until step 2500. The losses of
VQGAN, pix2pix, R3GAN and ESRGAN:
  l1 + lpips(net=vgg) + 0.8*gan(objective=hinge,adaptive=true)@1000
  100*l1 + gan(conditional=true)
  gan(relativistic=paired,r1=0.01,r2=0.01,norm=none,features=32,depth=2)
  0.01*l1 + perceptual(preset=esrgan-vgg19) + 0.005*gan(relativistic=true,discriminator=vgg)   with --patch 128

Examples:
  reconloss train super-resolution --data photos/ --steps 2000 -o x2/
  reconloss train deblur --data photos/ --loss "l1 + 0.1*lpips(net=alex) + 0.005*gan" -o sharp/
  reconloss train super-resolution --scale 4 --data photos/ --init realesr.onnx --lr 1e-4 -o mine/
  reconloss train --resume -o sharp/
  reconloss train --resume --lr 1e-5 --steps 3000 -o sharp/
  reconloss apply sharp/model.onnx blurred.jpg -o sharp.png

Ctrl-C saves and stops. Exit codes: 0 trained; 130 stopped and saved; 1 a step returned NaN or infinity, or no photograph can
be used; 2 wrong usage; 3 the machine lacks something: weights, disk space, a permission.`,
    )
    .action(async (task: string | undefined, flags: Flags) => {
      finish(await train(task, flags, terminal));
    });
}

/** The settings that were said, by their names. */
function givenSettings(task: string | undefined, flags: Flags): Partial<TrainingSettings> {
  const given = Object.entries({ task, ...flags, ...alphaOptions(flags) }).filter(([name, value]) => {
    return (settingNames as readonly string[]).includes(name) && value !== undefined;
  });
  const { data, validation, init, ...others } = Object.fromEntries(given) as Partial<TrainingSettings>;
  // As absolute paths, so that a training can be resumed from anywhere.
  return {
    ...others,
    ...(data ? { data: resolve(data) } : {}),
    ...(validation ? { validation: resolve(validation) } : {}),
    ...(init ? { init: resolve(init) } : {}),
  };
}

/** The settings of the saved training, with those that may change; every other flag must repeat the saved value. */
async function settingsToResume(
  folder: string,
  given: Partial<TrainingSettings>,
  losses: readonly LossFactory[],
): Promise<TrainingSettings> {
  const saved = await savedSettings(folder, losses);
  for (const [name, value] of Object.entries(given) as [keyof TrainingSettings, unknown][]) {
    if (changeable.includes(name) || saved[name] === value) continue;
    throw new ReconlossError(
      "invalid-argument",
      `train: ${folder} was started with ${name} ${saved[name]}, not ${value}; omit it to resume, or start in another folder`,
    );
  }
  return completeSettings({ ...saved, ...given }, losses);
}

async function settingsFor(
  task: string | undefined,
  flags: Flags,
  losses: readonly LossFactory[],
): Promise<TrainingSettings> {
  const given = givenSettings(task, flags);
  if (flags.resume) return settingsToResume(flags.output, given, losses);
  if (given.task === undefined || given.data === undefined) {
    throw new ReconlossError("invalid-argument", "train: a task and --data are required, or --resume");
  }
  return completeSettings({ ...given, task: given.task, data: given.data }, losses);
}

async function train(task: string | undefined, flags: Flags, terminal: Terminal): Promise<number> {
  const { stdout, stderr, env } = terminal;
  const { losses } = await loadPlugins(flags);
  const settings = await settingsFor(task, flags, losses);
  await noteNewFolder(flags.output, terminal);
  await prepareNetworks([trainingLoss(settings.loss, settings, losses)], flags, terminal);
  const report = join(flags.output, "report.html");
  const { yellow, dim } = coloursFor(stderr, env);

  const stop = new AbortController();
  let signalled: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    // Whoever asks twice does not want to wait.
    if (stop.signal.aborted) {
      line.stop();
      process.exit(130);
    }
    signalled = signal;
    line.print(`${yellow(`${signal}:`)} stopping after this step; again to stop at once, without saving`);
    stop.abort();
  };
  const line = trainingLine(settings.steps, stderr, flags.progress);
  const begun = Date.now();
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  let progress: TrainingProgress;
  try {
    progress = await runTraining(settings, flags.output, {
      resume: flags.resume,
      losses,
      signal: stop.signal,
      onStep: (record, progress) => line.step(record, progress),
      onSaved: async (progress) => {
        await writeTrainingReport(report, progress);
        if (progress.status === "running") line.print(dim(validationLine(progress)));
        if (progress.steps === 0) line.print(`watch it in a browser: ${pathToFileURL(report)}`);
      },
    });
  } finally {
    line.stop();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
  for (const note of progress.notes) stderr.write(`${yellow("note:")} ${printable(note)}\n`);
  if (progress.decode !== undefined) stderr.write(`${yellow("note:")} photographs: ${progress.decode}\n`);
  printIgnoredFiles(terminal, Object.entries(progress.ignoredFiles ?? {}));
  for (const { path, reason } of progress.skipped)
    stderr.write(`${yellow("not used:")} ${printable(`${path}: ${reason}`)}\n`);
  const seconds = (Date.now() - begun) / 1000;
  if (flags.json) stdout.write(`${jsonText(summary(progress, flags.output, seconds), 2)}\n`);
  else if (progress.status === "finished") stdout.write(`${outcome(progress, flags.output)}\n`);
  if (progress.status === "finished") return 0;
  stderr.write(
    `${yellow("stopped")} by ${signalled} after step ${progress.steps} of ${settings.steps}, saved in ${printable(flags.output)}; to resume: reconloss train --resume -o ${printable(flags.output)}\n`,
  );
  return 130;
}

/** One line for each validation. */
function validationLine({ steps, validation, measures, baseline }: TrainingProgress): string {
  const last = validation.at(-1);
  if (last === undefined || last.step !== steps) return `step ${steps}: saved`;
  const parts = measures.map(
    ({ spec }) =>
      `${spec} ${last.scores[spec].toPrecision(4)} (${baseline.name} ${baseline.scores[spec].toPrecision(4)})`,
  );
  return `step ${steps}: ${parts.join(", ")}`;
}

/** The scores of held-out photographs, and the files written. */
function outcome({ validation, measures, baseline, coverage }: TrainingProgress, folder: string): string {
  const last = validation.at(-1);
  const files = `${join(folder, "model.onnx")}  the trained network, for reconloss apply\n${join(folder, "report.html")}  curves, samples, metrics`;
  if (last === undefined) return printable(files).replaceAll("\\x0a", "\n");
  const rows = measures.map(({ spec, better, decimals }) => {
    const [before, after] = [baseline.scores[spec], last.scores[spec]];
    const verdict = isWorse(better, before, after) ? "better" : isWorse(better, after, before) ? "worse" : "equal";
    return [`${spec} ${arrowOf(better)}`, formatNumber(before, decimals), formatNumber(after, decimals), verdict];
  });
  const table = plainTable([["held out", baseline.name, "trained", ""], ...rows], [1], [0, 3]);
  return `${table}\nmeans over ${describeCoverage(coverage)}\n\n${files}`;
}

function summary(progress: TrainingProgress, folder: string, seconds: number) {
  const { settings, status, steps, validation, baseline, coverage } = progress;
  const { imagesPerSecond, skipped, ignoredFiles, notes, decode, parameters, photographs } = progress;
  return {
    status,
    steps,
    seconds,
    imagesPerSecond,
    model: join(folder, "model.onnx"),
    parameters,
    photographs,
    baseline,
    validation: validation.at(-1),
    coverage,
    settings,
    skipped,
    ignoredFiles,
    decode,
    notes,
  };
}
