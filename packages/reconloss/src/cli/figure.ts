import { ReconlossError } from "@reconloss/core";
import { counted } from "@reconloss/core/internal";
import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { checkFigureFile } from "../figure/figure.ts";
import { type Box, type FigureImage, type ProposedRegion, writeFigure } from "../figure/index.ts";
import { comparableImages, findComparable, findImage, isCalled } from "../figure/names.ts";
import { proposeFor } from "../figure/read.ts";
import type { ImagePair } from "../image/index.ts";
import { type Judgement, judgementOf } from "../judge/index.ts";
import { checkMethods, targetName } from "../judge/judgement.ts";
import { methodsOf } from "./compare.ts";
import { imageOptions, type Length, parseLength, parseSize, pixelDensity, RequestedImages } from "./figure-options.ts";
import { addWorkOptions, type WorkFlags } from "./finished.ts";
import { compareOutputs } from "./judge.ts";
import { addMetricFlags, type MeasureFlags, measuresOf } from "./measures.ts";
import { printMessage } from "./messages.ts";
import { noteNewFolder } from "./new-folder.ts";
import { positiveNumber, wholeNumber } from "./numbers.ts";
import { addPairingOptions, type PairingFlags, printProposals } from "./pairing-options.ts";
import { plainTable } from "./table.ts";
import { jsonText, printable, type Terminal } from "./terminal.ts";

interface Flags extends MeasureFlags, PairingFlags, WorkFlags {
  targets: string;
  output?: string;
  regions?: number;
  size?: [number, number];
  json?: boolean;
  columns?: number;
  width?: Length;
  fontSize?: number;
  zoom?: number;
  dpi?: number;
  labels?: readonly string[];
}

const defaultMetrics = "psnr, ssim";

/** `reconloss figure`; `finish` receives the exit code. */
export function figureCommand(terminal: Terminal, finish: (code: number) => void): Command {
  const wanted = new RequestedImages();
  const command = new Command("figure")
    .description("draw a figure for a paper: an image with a box, and the crops of each method with their values")
    .usage("[options] <name=outputs...> --targets <targets> -o <figure.png|svg|pdf>")
    .argument("<name=outputs...>", "methods, as name=outputs; without a name, the folder's name is used")
    .requiredOption("--targets <targets>", "the target, or the folder of targets, for all outputs")
    .option("-o, --output <file>", "the figure: .png, .svg, or .pdf (needs pdfkit)");
  for (const option of imageOptions(wanted)) command.addOption(option);
  command
    .option(
      "--regions <n>",
      "print the n regions of each image in which methods differ most, in the format of --box",
      wholeNumber(1),
    )
    .option("--size <WxH>", "size of the proposed regions; default: 4:3, a quarter of the image high", parseSize)
    .option("--json", "print what was drawn or proposed as JSON")
    .option("--columns <n>", "number of crops per row", wholeNumber(1))
    .option("--width <length>", "width of the figure: 496pt, 17cm, 6.9in, 1200px; default: 496pt", parseLength)
    .option("--font-size <pt>", "font size in points; default: 8", positiveNumber)
    .option("--zoom <pt>", "points per pixel of the crops, instead of --width", positiveNumber)
    .option(
      "--dpi <n>",
      "resolution of PNG files, and of images inside SVG and PDF; default: 300, or 96 for a width in px",
      positiveNumber,
    )
    .option("--labels <list>", "captions of the crops, the target's first: HR,Bicubic,Ours", parseLabels);
  return addWorkOptions(addPairingOptions(addMetricFlags(command, defaultMetrics)))
    .addHelpText(
      "after",
      `
Examples:
  reconloss figure bicubic=out/bic edsr=out/edsr ours=out/ours --targets HR/ -o figure.pdf
  reconloss figure bicubic=out/bic ours=out/ours --targets HR/ --image baby.png --box 120,80,64,48 -o figure.svg
  reconloss figure bicubic=out/bic ours=out/ours --targets HR/ --image baby --box 40,30,48,36,red --image bird --columns 3 -m "psnr as PSNR" -o two.png
  reconloss figure bicubic=out/bic ours=out/ours --targets HR/ --image baby --regions 5

Values are for the whole image, with the best in bold. Without --box, the box is where the methods differ most: the window with the largest mean variance, between methods, of the
absolute error at each pixel. Without --image, the image is the one with the largest standard deviation of the first metric between methods.
The same files give the same bytes. Exit codes: 0 success; 1 a method lacks an image that is shown; 2 wrong usage; 3 the machine lacks something: pdfkit, weights, disk space.`,
    )
    .action(async (inputs: readonly string[], flags: Flags) => {
      finish(await drawFigure(inputs, flags, wanted, terminal));
    });
}

function parseLabels(text: string): string[] {
  return text.split(",").map((label) => label.trim());
}

/** Images by name alone, judged: the others are not even opened. */
async function judgeImages(
  inputs: readonly string[],
  flags: Flags,
  names: readonly string[] | undefined,
  terminal: Terminal,
): Promise<{ judgement: Judgement; pixels: Awaited<ReturnType<typeof measuresOf>>["pixels"] }> {
  const methods = methodsOf(inputs);
  checkMethods(methods);
  const measures = await measuresOf(
    { ...flags, metrics: flags.metrics ?? (flags.protocol ? undefined : defaultMetrics) },
    terminal,
  );
  const { losses, applied, pixels } = measures;
  const all = new Set<string>();
  const only = ({ target }: ImagePair) => {
    const own = targetName(flags.targets, target);
    all.add(own);
    return names === undefined || names.some((name) => isCalled(own, name));
  };
  const compared = await compareOutputs(methods, flags.targets, measures, flags, terminal, { only });
  printProposals(compared, terminal);
  const targets = [...all].map((name) => ({ name }));
  if (targets.length > 0) for (const name of names ?? []) findImage(name, targets);
  return { judgement: judgementOf({ methods: compared, targets: flags.targets, losses, applied }), pixels };
}

const boxText = ({ x, y, width, height }: Box) => [x, y, width, height].join(",");

async function drawFigure(
  inputs: readonly string[],
  flags: Flags,
  wanted: RequestedImages,
  terminal: Terminal,
): Promise<number> {
  const { output, regions, json, width, zoom, dpi, columns, fontSize, labels } = flags;
  if ((output === undefined) === (regions === undefined)) {
    const problem =
      output === undefined
        ? "give an output file, -o figure.png, or use --regions 3"
        : "-o draws and --regions prints; use only one of them";
    throw new ReconlossError("invalid-argument", `figure: ${problem}`);
  }
  // Before anything is computed.
  if (output !== undefined) await checkFigureFile(output);
  await noteNewFolder(output, terminal);
  const names = wanted.images?.map(({ name }) => name);
  const { judgement, pixels } = await judgeImages(inputs, flags, names, terminal);
  if (regions !== undefined) return printRegions(judgement, names, regions, flags, pixels, terminal);
  const images: FigureImage[] | undefined = wanted.images ?? chosen(judgement, wanted);
  const record = await writeFigure(output as string, judgement, {
    ...pixels,
    ...{ columns, fontSize, labels, images, scale: zoom, size: flags.size },
    width: width?.points,
    dpi: dpi ?? (width?.inPixels ? pixelDensity : undefined),
  });
  const { stdout } = terminal;
  if (json) stdout.write(`${jsonText(record, 2)}\n`);
  else stdout.write(`${printable(output as string)}  ${Math.round(record.width)}x${Math.round(record.height)} pt\n`);
  for (const { name, boxes, isProposed } of record.images) {
    if (!isProposed) continue;
    const text = `${name}: --box ${boxes.map(boxText).join(" --box ")} is where the methods differ most`;
    printMessage(terminal, "yellow", "note:", text);
  }
  for (const note of record.notes) printMessage(terminal, "yellow", "note:", note);
  return record.missing > 0 ? exitCodes.failed : exitCodes.ok;
}

/** The boxes that were given without an image are of the one that is chosen. */
function chosen(judgement: Judgement, { boxes }: RequestedImages): FigureImage[] | undefined {
  return boxes && [{ name: comparableImages(judgement)[0].name, boxes }];
}

async function printRegions(
  judgement: Judgement,
  names: readonly string[] | undefined,
  count: number,
  { size, json }: Flags,
  pixels: object,
  { stdout }: Terminal,
): Promise<number> {
  const shown =
    names === undefined
      ? comparableImages(judgement).slice(0, 1)
      : names.map((name) => findComparable(name, judgement));
  const found: { name: string; regions: ProposedRegion[] }[] = [];
  for (const image of shown) {
    found.push({ name: image.name, regions: await proposeFor(image, { ...pixels, count, size }) });
  }
  if (json) stdout.write(`${jsonText(found, 2)}\n`);
  else {
    const rows = found.flatMap(({ name, regions }) =>
      regions.map((region) => [printable(name), `--box ${boxText(region)}`, region.score.toExponential(2)]),
    );
    stdout.write(`${plainTable([["image", "region", "difference"], ...rows], [1], [0, 1])}\n`);
    const equal = found.filter(({ regions }) => regions.length === 0);
    if (equal.length > 0) stdout.write(`${counted(equal.length, "image", "images")} on which all methods are equal\n`);
  }
  return exitCodes.ok;
}
