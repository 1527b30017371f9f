import { basename, extname, join } from "node:path";
import { type Device, type Loss, ReconlossError } from "@reconloss/core";
import { counted } from "@reconloss/core/internal";
import { Command, InvalidArgumentError, Option } from "commander";
import { keyOf } from "../compare/conditions.ts";
import { formatNumber } from "../compare/numbers.ts";
import { exitCodes } from "../exit-codes.ts";
import { writeFileAtomically } from "../files.ts";
import type { AlphaOptions, IgnoredFiles } from "../image/index.ts";
import { stemOf } from "../image/names.ts";
import { type FileQualitySearch, type QualityTrial, qualityFormats, searchFileQuality } from "../quality/index.ts";
import { parseTargets } from "../quality/targets.ts";
import { type Job, jobsFor, refuseReplacing } from "./jobs.ts";
import { addJsonOption, jsonFile, printsJson } from "./json-option.ts";
import { printLostFiles, printMessage, printMessages, toFile, writeEach, writeOut } from "./messages.ts";
import { deviceOption, type NetworkOptions, prepareNetworks, weightsOption } from "./networks.ts";
import { noteNewFolder } from "./new-folder.ts";
import { type AlphaFlags, alphaOption, alphaOptions, backgroundOption } from "./pixel-options.ts";
import { loadPlugins, type PluginOptions, pluginOption } from "./plugins.ts";
import { progressBar } from "./progress.ts";
import { listOption } from "./repeated.ts";
import { plainTable } from "./table.ts";
import { coloursFor, jsonText, printable, type Terminal, widthOf } from "./terminal.ts";

interface Flags extends AlphaFlags, NetworkOptions, PluginOptions {
  format: string;
  target: string;
  output?: string;
  range: readonly [number, number];
  exhaustive?: boolean;
  json?: string;
  progress: boolean;
}

/** The number of images in work at a time: one that is measured, the next one encoded meanwhile. */
const imagesAtOnce = 2;
/** Tries of a search, about: bisection over 100, and neighbours. */
const triesExpected = 11;
const barLength = 30;

function parseRange(text: string): readonly [number, number] {
  const [, lowest, highest] = /^(\d+)\.\.(\d+)$/.exec(text) ?? [];
  const range = [Number(lowest), Number(highest)] as const;
  if (range[0] >= 1 && range[0] <= range[1] && range[1] <= 100) return range;
  throw new InvalidArgumentError("It is written LOWEST..HIGHEST, of whole numbers from 1 to 100, such as 40..95.");
}

/** `reconloss quality`; `finish` receives the exit code. */
export function qualityCommand(terminal: Terminal, finish: (code: number) => void): Command {
  const command = new Command("quality").description(
    "find the smallest file of a photograph that meets a quality target",
  );
  return addJsonOption(command)
    .argument("<input>", "an image, or a folder of images")
    .addOption(
      new Option("--format <name>", "format of the files")
        .choices(qualityFormats.map(({ name }) => name))
        .makeOptionMandatory(),
    )
    .addOption(
      listOption(
        "--target <conditions>",
        'conditions that every file must meet: "ssimulacra2>=80, deltaE.p99<3"; repeatable',
      ).makeOptionMandatory(),
    )
    .option(
      "-o, --output <path>",
      "write the chosen files to a folder, or to a file for a single image; default: write none",
    )
    .option("--range <lowest..highest>", "range of qualities to search", parseRange, [1, 100])
    .option("--exhaustive", "try every quality instead of searching")
    .addOption(alphaOption({ compares: true }))
    .addOption(backgroundOption())
    .addOption(pluginOption())
    .addOption(weightsOption())
    .addOption(deviceOption())
    .option("--no-progress", "no progress bar")
    .addHelpText(
      "after",
      `
Examples:
  reconloss quality photo.png --format avif --target "ssimulacra2>=80"
  reconloss quality photo.png --format webp --target "ssimulacra2>=80" -o photo.webp
  reconloss quality photos/ --format jpeg --target "ssimulacra2>=75, deltaE.p99<5" -o web/

Encoders are sharp's: ${qualityFormats.map(({ name, settings }) => `${name} (${settings})`).join("; ")}.
The search is a bisection, which assumes that scores rise with quality. Since neither scores nor sizes always do, all qualities within 2 of the result are tried as well. The score of every file
is that of reconloss compare. Pixels are encoded as they are compared: upright, with their colour profile, at 8 bits.

Exit codes: 0 success; 1 an image failed, or no quality meets the target; 2 wrong usage;
3 the machine lacks something: weights, disk space, a permission.`,
    )
    .action(async (input: string, flags: Flags) => finish(await quality(input, flags, terminal)));
}

/** The result of one image. */
interface Found extends Job {
  readonly search: FileQualitySearch;
}

/** An image without a file that meets the target. */
interface Missed {
  readonly input: string;
  readonly error: string;
  readonly tried: readonly QualityTrial[];
}

async function quality(input: string, flags: Flags, terminal: Terminal): Promise<number> {
  const { losses: more } = await loadPlugins(flags);
  const { losses, conditions } = parseTargets(flags.target, undefined, more);
  const alpha = alphaOptions(flags);
  const format = qualityFormats.find(({ name }) => name === flags.format) as (typeof qualityFormats)[number];
  const { jobs, isFolder, ignoredFiles } = await jobsFor(
    "quality",
    input,
    flags.output ?? "",
    (extension) => (format.extensions.includes(extension) ? extension : format.extension),
    terminal,
  );
  const placed = isFolder ? jobs : [{ input, output: placeOf(input, flags.output ?? "", format) }];
  if (flags.output !== undefined) {
    await refuseReplacing("quality", placed);
    await noteNewFolder(placed[0].output, terminal);
  }
  const device = await prepareNetworks(losses, flags, terminal);
  const found: Found[] = [];
  const missed: Missed[] = [];
  const progress = isFolder
    ? progressBar(placed.length, "searching", terminal.stderr, flags.progress, "images")
    : progressBar(triesExpected, "searching", terminal.stderr, flags.progress);
  const searchOne = (job: Job) =>
    tryOne(job, { ...flags, ...alpha, more, device, isAlone: !isFolder, onTry: isFolder ? undefined : progress.step });
  try {
    const pending: ReturnType<typeof tryOne>[] = [];
    for (let next = 0; next < placed.length || pending.length > 0; ) {
      while (next < placed.length && pending.length < imagesAtOnce) {
        const outcome = searchOne(placed[next++]);
        outcome.catch(() => {});
        pending.push(outcome);
      }
      const outcome = await (pending.shift() as (typeof pending)[number]);
      if ("search" in outcome) found.push(outcome);
      else missed.push(outcome);
      if (isFolder) progress.step();
    }
  } finally {
    progress.stop();
  }
  const searched: QualityOutput = {
    found,
    missed,
    isFolder,
    isWritten: flags.output !== undefined,
    ignoredFiles,
    losses,
  };
  const json = () => {
    const texts = conditions.map(({ text }) => text);
    return `${jsonText(inJson({ ...searched, format: flags.format, target: texts }), 2)}\n`;
  };
  if (printsJson(flags)) await writeOut(terminal.stdout, json());
  else printTables(searched, terminal);
  printNotes(searched, terminal);
  const lost = await writeEach(toFile(jsonFile(flags), (path) => writeFileAtomically(path, json())));
  const code = printLostFiles(lost, terminal);
  return missed.length > 0 ? exitCodes.failed : code;
}

/** The path of the file of one image: `output` itself, where that is a name of the format, or into the folder of that name. */
function placeOf(
  input: string,
  output: string,
  { name, extension, extensions }: (typeof qualityFormats)[number],
): string {
  const given = extname(output).toLowerCase();
  if (extensions.includes(given)) return output;
  if (qualityFormats.some((other) => other.extensions.includes(given)) || given === ".png") {
    throw new ReconlossError(
      "invalid-argument",
      `-o ${output}: a file of --format ${name} ends in ${extensions.join(" or ")}`,
    );
  }
  return join(output, `${stemOf(basename(input))}${extension}`);
}

/** Searches the file of one image, and writes it. */
async function tryOne(
  job: Job,
  flags: Omit<Flags, "alpha" | "background" | "device"> &
    AlphaOptions & {
      readonly more: Parameters<typeof parseTargets>[2];
      readonly device: Device;
      readonly isAlone: boolean;
      readonly onTry?: () => void;
    },
): Promise<Found | Missed> {
  const { format, target, range, exhaustive, output, alpha, background, more, device, onTry } = flags;
  let search: FileQualitySearch;
  try {
    search = await searchFileQuality(job.input, {
      ...{ format, target, range, alpha, background, more, device, onTry },
      ...(exhaustive && { neighbours: Number.POSITIVE_INFINITY }),
    });
    // Bytes that are on the disk need not be kept.
    if (search.chosen && output !== undefined) await writeFileAtomically(job.output, search.chosen.data);
  } catch (error) {
    // An image that was asked for by name is the whole command; what is wrong with the machine is so with all images.
    if (!(error instanceof ReconlossError) || flags.isAlone || !["image", "shape"].includes(error.code)) throw error;
    return { input: job.input, error: error.message, tried: [] };
  }
  if (search.chosen === undefined) return { input: job.input, error: whyNone(search, range), tried: search.tried };
  return { ...job, search: { ...search, chosen: { ...search.chosen, data: new Uint8Array() } } };
}

/** Says why no file meets the target: the best that there is of each condition. */
function whyNone(
  { tried, conditions, losses }: FileQualitySearch,
  [lowest, highest]: readonly [number, number],
): string {
  const best = conditions.map((condition) => {
    const key = keyOf(condition);
    const values = tried.map(({ values }) => values[key]).filter((value) => value !== undefined);
    const value = condition.operator.startsWith("<") ? Math.min(...values) : Math.max(...values);
    return `${condition.text} (the best is ${formatNumber(value, decimalsOf(losses, condition.label))})`;
  });
  return `no quality from ${lowest} to ${highest} that was tried meets ${best.join(" and ")}`;
}

const decimalsOf = (losses: readonly Loss[], label: string) =>
  losses.find((loss) => loss.label === label)?.decimals ?? 4;

/** The results of all images, to be printed. */
interface QualityOutput {
  readonly found: readonly Found[];
  readonly missed: readonly Missed[];
  readonly isFolder: boolean;
  readonly isWritten: boolean;
  readonly ignoredFiles?: IgnoredFiles;
  readonly losses: readonly Loss[];
}

function sizesOf(found: readonly Found[]) {
  const inputs = found.reduce((sum, { search }) => sum + search.inputBytes, 0);
  const chosen = found.reduce((sum, { search }) => sum + (search.chosen?.bytes ?? 0), 0);
  return { inputs, chosen, saved: inputs - chosen };
}

/** The number of images by the quality that was chosen. */
function countsOf(found: readonly Found[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const { search } of found) {
    const quality = search.chosen?.quality ?? 0;
    counts.set(quality, (counts.get(quality) ?? 0) + 1);
  }
  return new Map([...counts].sort(([a], [b]) => a - b));
}

function inJson({
  found,
  missed,
  isWritten,
  ignoredFiles,
  format,
  target,
}: QualityOutput & { format: string; target: string[] }) {
  const plain = ({ quality, bytes, values, isMet }: QualityTrial) => ({ quality, bytes, values, meets: isMet });
  return {
    format,
    target,
    images: found.map(({ input, output, search: { chosen, tried, inputBytes, notes, encodeNotes } }) => ({
      input,
      ...(isWritten && { output }),
      inputBytes,
      chosen: chosen && { quality: chosen.quality, bytes: chosen.bytes, values: chosen.values },
      tried: tried.map(plain),
      notes: [...encodeNotes, ...notes.map(({ text }) => text)],
    })),
    failed: missed.map(({ input, error, tried }) => ({ input, error, tried: tried.map(plain) })),
    qualities: Object.fromEntries(countsOf(found)),
    bytes: sizesOf(found),
    ignoredFiles,
  };
}

const withCommas = (count: number) => count.toLocaleString("en");

function printTables({ found, missed, isFolder, losses }: QualityOutput, { stdout, env }: Terminal): void {
  const { bold, dim, green } = coloursFor(stdout, env);
  const width = widthOf(stdout, env);
  const [one] = found;
  const tried = one?.search.tried ?? missed[0]?.tried ?? [];
  const keys = Object.keys(tried[0]?.values ?? {});
  const cell = (key: string, value: number | undefined) =>
    formatNumber(
      value,
      decimalsOf(losses, losses.some(({ label }) => label === key) ? key : key.replace(/\.[^.]*$/, "")),
    );
  if (!isFolder) {
    if (tried.length === 0) return;
    const chosen = one?.search.chosen?.quality;
    const rows = tried.map(({ quality, bytes, values, isMet }) => {
      const cells = [
        String(quality),
        withCommas(bytes),
        ...keys.map((key) => cell(key, values[key])),
        isMet ? "yes" : "no",
      ];
      return quality === chosen ? cells.map(green) : cells;
    });
    stdout.write(`${plainTable([["quality", "bytes", ...keys, "meets"].map(bold), ...rows], [1], [], width)}\n`);
    if (one?.search.chosen) {
      const { bytes, quality } = one.search.chosen;
      stdout.write(`\nquality ${quality}: ${withCommas(bytes)} bytes, ${shareOf(bytes, one.search.inputBytes)}\n`);
    }
    return;
  }
  if (found.length === 0) return;
  const rows = found.map(({ input, search: { chosen, inputBytes } }) => {
    const { quality = 0, bytes = 0, values = {} } = chosen ?? {};
    const numbers = [String(quality), withCommas(bytes), `${((100 * bytes) / inputBytes).toFixed(0)} %`];
    return [printable(input), ...numbers, ...keys.map((key) => cell(key, values[key]))];
  });
  const title = ["", "quality", "bytes", "of the input", ...keys].map(bold);
  const { inputs, chosen, saved } = sizesOf(found);
  stdout.write(`${plainTable([title, ...rows], [1], [0], width)}\n\n`);
  stdout.write(`${histogram(countsOf(found)).join("\n")}\n\n`);
  const change = saved >= 0 ? `${withCommas(saved)} saved` : `${withCommas(-saved)} more`;
  stdout.write(
    `${counted(found.length, "image", "images")}: ${withCommas(inputs)} bytes before, ${withCommas(chosen)} after, ${change}\n`,
  );
  if (found.some(({ search }) => (search.chosen?.bytes ?? 0) > search.inputBytes)) {
    stdout.write(`${dim("files of more than 100 % are larger than their inputs")}\n`);
  }
}

function shareOf(bytes: number, before: number): string {
  return `${((100 * bytes) / before).toFixed(0)} % of the input's ${withCommas(before)}`;
}

/** Bars of how many files have a quality, in steps of 5. */
function histogram(counts: ReadonlyMap<number, number>): string[] {
  const step = 5;
  const bins = new Map<number, number>();
  for (const [quality, count] of counts) {
    const first = Math.floor(quality / step) * step;
    bins.set(first, (bins.get(first) ?? 0) + count);
  }
  const [low, high] = [Math.min(...bins.keys()), Math.max(...bins.keys())];
  const most = Math.max(...bins.values());
  const lines = ["quality    images"];
  for (let first = low; first <= high; first += step) {
    const count = bins.get(first) ?? 0;
    const bar = "█".repeat(Math.ceil((count / most) * barLength));
    lines.push(`${`${first} to ${first + step - 1}`.padEnd(11)}${String(count).padStart(6)} ${bar}`.trimEnd());
  }
  return lines;
}

/** Prints notes, those of several images once, and failures. */
function printNotes({ found, missed, isFolder }: QualityOutput, terminal: Terminal): void {
  const counts = new Map<string, number>();
  for (const { search } of found) {
    for (const text of [...search.encodeNotes, ...search.notes.map((note) => note.text)]) {
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
  }
  for (const [text, count] of counts) {
    const of = isFolder ? `of ${count} of ${counted(found.length, "image", "images")}: ` : "";
    printMessage(terminal, "yellow", "note:", `${of}${text}`);
  }
  const failures = missed.map(({ input, error }) => `${input}: ${error}`);
  printMessages(terminal, "failed:", failures, "; --json lists all");
}
