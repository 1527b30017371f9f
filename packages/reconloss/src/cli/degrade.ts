import { realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { counted, jsonText } from "@reconloss/core/internal";
import { Command, InvalidArgumentError, Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { systemPath, writeFileAtomically } from "../files.ts";
import { type FolderListing, listFolder } from "../image/index.ts";
import {
  type Baseline,
  baselines,
  checkBaselines,
  checkDegradation,
  type Degradation,
  degradedNames,
  degradedPaths,
  degradePhotograph,
  describeDegradation,
} from "../tasks/degradation.ts";
import { taskList } from "../tasks/index.ts";
import { printIgnoredFiles } from "./ignored-files.ts";
import { printMessage, printMessages } from "./messages.ts";
import { noteNewFolder } from "./new-folder.ts";
import { positiveNumber, wholeNumber } from "./numbers.ts";
import { type AlphaFlags, alphaOption, alphaOptions, backgroundOption } from "./pixel-options.ts";
import { progressBar } from "./progress.ts";
import { RepeatableOption } from "./repeated.ts";
import { printable, type Terminal } from "./terminal.ts";

interface Flags extends AlphaFlags {
  task?: string;
  scale?: number;
  light?: number;
  blur?: number;
  noise?: number;
  jpeg?: number;
  seed: number;
  output: string;
  targets?: string;
  baseline?: readonly Baseline[];
  json?: boolean;
  progress: boolean;
}

/** The file of settings, in the folder of what was made. */
const settingsName = "degradation.json";

const restorations = taskList.filter(({ name }) => name !== "generate").map(({ name }) => name);

/** `reconloss degrade`; `finish` receives the exit code. */
export function degradeCommand(terminal: Terminal, finish: (code: number) => void): Command {
  return new Command("degrade")
    .description("make of photographs what a network is shown, and baselines of it")
    .argument("<photographs>", "a photograph, or a folder of some")
    .requiredOption("-o, --output <folder>", "the folder for what is made, with its settings in degradation.json")
    .addOption(new Option("--task <name>", "what train makes of photographs for this task").choices(restorations))
    .option("--scale <n>", "how many times smaller: 2, 3 or 4, as MATLAB's bicubic imresize", wholeNumber(2))
    .option("--light <share>", "how much of the light is left: 0.2", positiveNumber)
    .option("--blur <sigma>", "a Gaussian blur, in pixels of the photograph", positiveNumber)
    .option("--noise <sigma>", "Gaussian noise, in levels of 255", positiveNumber)
    .option("--jpeg <quality>", "JPEG files of this quality, 1 to 100, in place of PNG", wholeNumber(1))
    .option("--seed <n>", "of everything that is random", wholeNumber(0), 1)
    .option("--targets <folder>", "also write the photographs as far as they were used, in sizes that fit the scale")
    .addOption(
      new RepeatableOption(
        "--baseline <filter>",
        `also enlarge what was made, into OUTPUT-FILTER: ${baselines.join(" or ")}; repeatable`,
      ).argParser((text: string, before: readonly Baseline[] = []) => {
        if ((baselines as readonly string[]).includes(text)) return [...before, text as Baseline];
        throw new InvalidArgumentError(`Allowed choices are ${baselines.join(", ")}.`);
      }),
    )
    .addOption(alphaOption())
    .addOption(backgroundOption())
    .option("--json", "print one JSON object at the end")
    .option("--no-progress", "no progress bar")
    .addHelpText(
      "after",
      `
What is said is done in this order: light, blur, task or scale, noise, JPEG. Each photograph has random numbers of its own, which follow from the seed and its name.

Examples:
  reconloss degrade photos/ --task super-resolution --scale 2 -o lr/ --baseline bicubic
  reconloss compare lr-bicubic/ photos/ -m "psnr(channels=y-bt601,crop=2)"
  reconloss degrade photos/ --scale 4 --blur 1.2 --noise 5 --jpeg 60 -o real/ --targets hr/
  reconloss degrade photos/ --task enhance -o dark/ --seed 7

Exit codes: 0 all well; 1 an image failed; 2 wrong usage; 3 the machine lacks something: room on the disk, a permission.`,
    )
    .action(async (photographs: string, flags: Flags) => {
      finish(await degrade(photographs, flags, terminal));
    });
}

/** A path with its links resolved, as far as it exists. */
async function realPath(path: string): Promise<string> {
  const whole = resolve(path);
  return realpath(whole).catch(async () =>
    dirname(whole) === whole ? whole : join(await realPath(dirname(whole)), basename(whole)),
  );
}

/**
 * Refuses folders of what is made that are the same, or in which photographs are read: what is in them would be replaced, or read as photographs the next
 * time.
 */
async function refuseFolders(photographs: string, folders: readonly string[], isWhole: boolean): Promise<void> {
  const read = await realPath(photographs);
  const seen = new Set<string>();
  for (const folder of folders) {
    const real = await realPath(folder);
    const way = relative(read, real);
    // Beside a single photograph there may be folders of anything.
    const isInside = !isWhole ? way === "" : way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
    const problem = isInside ? "is in the folder of photographs" : seen.has(real) ? "is named twice" : undefined;
    if (problem !== undefined) {
      throw new ReconlossError("invalid-argument", `degrade: ${folder} ${problem}; choose another folder`);
    }
    seen.add(real);
  }
}

/** The photographs of a folder, or one by itself. */
async function photographsOf(path: string): Promise<{ folder: string } & FolderListing> {
  const isFile = await stat(systemPath(path)).then(
    (status) => !status.isDirectory(),
    () => false,
  );
  if (isFile) return { folder: dirname(path), images: [basename(path)], ignoredFiles: {} };
  return { folder: path, ...(await listFolder(path)) };
}

async function degrade(photographs: string, flags: Flags, terminal: Terminal): Promise<number> {
  const { task, scale: wanted, light, blur, noise, jpeg, seed, output, targets, baseline = [] } = flags;
  const degradation: Degradation = { light, blur, task, scale: wanted, noise, jpeg, seed };
  const scale = checkDegradation(degradation);
  checkBaselines(baseline, scale);
  const alpha = alphaOptions(flags);
  const folders = {
    degraded: output,
    target: targets,
    baselines: Object.fromEntries(baseline.map((name) => [name, `${output.replace(/[/\\]+$/, "")}-${name}`])),
  };
  const written = [output, ...(targets === undefined ? [] : [targets]), ...Object.values(folders.baselines)];
  const { folder: read, images, ignoredFiles } = await photographsOf(photographs);
  if (images.length === 0) throw new ReconlossError("file", `degrade: ${photographs} holds no image`);
  await refuseFolders(read, written, read === photographs);
  await noteNewFolder(written, terminal);
  printIgnoredFiles(terminal, [[photographs, ignoredFiles]]);

  const names = degradedNames(images, degradation);
  const made: { photograph: string; degraded: string; height: number; width: number; cut: boolean }[] = [];
  const failures: { photograph: string; error: string }[] = [];
  const bar = progressBar(images.length, "degrading", terminal.stderr, flags.progress, "images");
  try {
    for (const [index, name] of images.entries()) {
      try {
        const paths = degradedPaths(names[index], folders);
        const { size, isCut } = await degradePhotograph(join(read, name), name, degradation, paths, alpha);
        made.push({ photograph: name, degraded: names[index], height: size[0], width: size[1], cut: isCut });
      } catch (error) {
        if (!(error instanceof ReconlossError) || !["image", "shape"].includes(error.code)) throw error;
        failures.push({ photograph: name, error: error.message });
      }
      bar.step();
    }
  } finally {
    bar.stop();
  }
  const settings = {
    reconloss: manifest.version,
    photographs,
    ...degradation,
    scale,
    steps: describeDegradation(degradation),
    baselines: baseline.map((name) => ({
      folder: folders.baselines[name],
      filter: `MATLAB's imresize, ${name === "bicubic" ? "bicubic (a = -0.5)" : "lanczos3"}, the border mirrored`,
    })),
    ...(targets === undefined ? {} : { targets }),
    images: made,
    failed: failures,
  };
  await writeFileAtomically(join(output, settingsName), `${jsonText(settings, 2)}\n`);
  printSettings(settings, terminal, flags);
  return failures.length > 0 ? 1 : 0;
}

function printSettings(
  settings: {
    steps: readonly string[];
    baselines: readonly { folder: string }[];
    targets?: string;
    images: readonly { cut: boolean }[];
    failed: readonly { photograph: string; error: string }[];
  },
  terminal: Terminal,
  { output, json }: Flags,
): void {
  const { stdout } = terminal;
  const { images, failed, steps, targets } = settings;
  const count = counted(images.length, "image", "images");
  if (json) stdout.write(`${jsonText(settings, 2)}\n`);
  else {
    stdout.write(`${printable(output)}  ${count}: ${steps.join("; ")}\n`);
    for (const { folder } of settings.baselines) stdout.write(`${printable(folder)}  ${count}, enlarged\n`);
    if (targets !== undefined) stdout.write(`${printable(targets)}  ${count}, as far as they were used\n`);
  }
  const cut = images.filter((image) => image.cut).length;
  if (cut > 0 && targets === undefined) {
    const what = counted(cut, "photograph has", "photographs have");
    const advice = "--targets writes what was used, and compare takes the others with --fit crop";
    printMessage(terminal, "yellow", "note:", `${what} rows or columns that the scale leaves over; ${advice}`);
  }
  const failures = failed.map(({ error }) => error);
  printMessages(terminal, "failed:", failures);
}
