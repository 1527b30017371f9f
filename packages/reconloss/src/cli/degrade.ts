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
    .description("degrade photographs into network inputs, and write baselines")
    .argument("<photographs>", "a photograph, or a folder of photographs")
    .requiredOption("-o, --output <folder>", "output folder; degradation.json records the settings")
    .addOption(new Option("--task <name>", "degrade as train does for this task").choices(restorations))
    .option("--scale <n>", "downscaling factor: 2, 3 or 4, with MATLAB's bicubic imresize", wholeNumber(2))
    .option("--light <share>", "remaining fraction of the light: 0.2", positiveNumber)
    .option("--blur <sigma>", "standard deviation of a Gaussian blur, in pixels of the photograph", positiveNumber)
    .option("--noise <sigma>", "standard deviation of Gaussian noise, in levels of 255", positiveNumber)
    .option("--jpeg <quality>", "write JPEG files of this quality, 1 to 100, instead of PNG", wholeNumber(1))
    .option("--seed <n>", "seed of the random numbers", wholeNumber(0), 1)
    .option("--targets <folder>", "also write the photographs, cropped to sizes that fit the scale")
    .addOption(
      new RepeatableOption(
        "--baseline <filter>",
        `also enlarge the results, into OUTPUT-FILTER: ${baselines.join(" or ")}; repeatable`,
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
Degradations are applied in this order: light, blur, task or scale, noise, JPEG. The random numbers for a photograph follow from the seed and its name.

Examples:
  reconloss degrade photos/ --task super-resolution --scale 2 -o lr/ --baseline bicubic
  reconloss compare lr-bicubic/ photos/ -m "psnr(channels=y-bt601,crop=2)"
  reconloss degrade photos/ --scale 4 --blur 1.2 --noise 5 --jpeg 60 -o real/ --targets hr/
  reconloss degrade photos/ --task enhance -o dark/ --seed 7

Exit codes: 0 success; 1 an image failed; 2 wrong usage; 3 the machine lacks something: disk space, a permission.`,
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
  if (images.length === 0) throw new ReconlossError("file", `degrade: ${photographs} contains no image`);
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
