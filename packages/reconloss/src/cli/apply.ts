import { extname, join } from "node:path";
import { type Device, Random, ReconlossError } from "@reconloss/core";
import { counted, pixelsToTensor } from "@reconloss/core/internal";
import { Command, Option } from "commander";
import type { DecodedPixels } from "../image/decoder.ts";
import { type DecodeNote, decodePixels, decodeSummary, writeImage } from "../image/index.ts";
import { applyModel, enlargeAlpha, generateImages, type ImageModel, openModel, separateAlpha } from "../tasks/index.ts";
import { type Job, jobsFor, refuseReplacing } from "./jobs.ts";
import { printMessage, printMessages } from "./messages.ts";
import { deviceOption, usableDevice } from "./networks.ts";
import { noteNewFolder } from "./new-folder.ts";
import { wholeNumber } from "./numbers.ts";
import { type AlphaFlags, alphaOption, alphaOptions, backgroundOption } from "./pixel-options.ts";
import { progressBar } from "./progress.ts";
import { printable, type Terminal } from "./terminal.ts";

interface Flags extends Omit<AlphaFlags, "alpha"> {
  alpha?: AlphaFlags["alpha"] | "keep";
  output: string;
  tile?: number;
  bits?: "8" | "16";
  quality?: number;
  count?: number;
  seed: number;
  device: Device;
  progress: boolean;
}

/** The formats that can be written, and of these the ones that have 16 bits. */
const writable = [".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff"];
const deep = [".png", ".tif", ".tiff"];
/** The extension of what is written for an image: what cannot be written, such as GIF, becomes PNG. */
const writtenExtension = (extension: string): string => (writable.includes(extension) ? extension : ".png");

/** `reconloss apply`; `finish` receives the exit code. */
export function applyCommand(terminal: Terminal, finish: (code: number) => void): Command {
  return new Command("apply")
    .description("apply a network trained by reconloss train to images of any size")
    .argument("<model.onnx>", "the trained network")
    .argument("[input]", "an image, or a folder of images; none for a generator")
    .requiredOption("-o, --output <path>", "the image to write, or the folder for images of a folder")
    .option("--tile <pixels>", "tile size in pixels", wholeNumber(16))
    .addOption(
      new Option("--bits <n>", "bits per sample; default: those of the input, if the format supports them").choices([
        "8",
        "16",
      ]),
    )
    .option("--quality <n>", "quality of JPEG, WebP and AVIF files, 1 to 100", wholeNumber(1))
    .addOption(alphaOption({ keeps: true }))
    .addOption(backgroundOption())
    .option("--count <n>", "generator: number of images", wholeNumber(1))
    .option("--seed <n>", "generator: seed of the random numbers", wholeNumber(0), 1)
    .addOption(deviceOption())
    .option("--no-progress", "no progress bar")
    .addHelpText(
      "after",
      `
Examples:
  reconloss apply x2/model.onnx small.jpg -o large.png
  reconloss apply sharp/model.onnx blurred/ -o sharp/ --bits 16
  reconloss apply x4/model.onnx icons/ -o large/ --alpha keep
  reconloss apply faces/model.onnx --count 64 -o samples/

Large images are computed in tiles that overlap by the network's receptive field, so the result equals that of the whole image.
Exit codes: 0 success; 1 an image failed; 2 wrong usage; 3 the machine lacks something: disk space, a permission.`,
    )
    .action(async (path: string, input: string | undefined, flags: Flags) => {
      const model = await openModel(path, { device: await usableDevice(flags.device, terminal) });
      const isGenerator = model.info.latent !== undefined;
      if (isGenerator !== (input === undefined)) {
        const what = isGenerator ? "makes images from random numbers and takes no input" : "needs an image or a folder";
        throw new ReconlossError("invalid-argument", `apply: a model for ${model.info.task} ${what}`);
      }
      await refuseReplacing("apply", [{ input: path, output: flags.output }]);
      if (flags.alpha === "keep" && flags.background !== undefined) {
        throw new ReconlossError("invalid-argument", "--background needs --alpha composite, but --alpha is keep");
      }
      await noteNewFolder(flags.output, terminal);
      finish(input === undefined ? await generate(model, flags, terminal) : await apply(model, input, flags, terminal));
    });
}

async function generate(model: ImageModel, flags: Flags, { stdout, stderr }: Terminal): Promise<number> {
  const isFile = writable.includes(extname(flags.output).toLowerCase());
  const { count = isFile ? 1 : 16 } = flags;
  if (isFile && count > 1) {
    throw new ReconlossError("invalid-argument", `apply: ${count} images need a folder, got ${flags.output}`);
  }
  const bar = progressBar(count, "generating", stderr, flags.progress, "images");
  try {
    for (let index = 0; index < count; index++) {
      // Each image has its own random numbers, so that image 7 is the same whatever else is made.
      const image = await generateImages(model, 1, new Random(flags.seed, "image", index));
      const path = isFile
        ? flags.output
        : join(flags.output, `${String(index + 1).padStart(String(count).length, "0")}.png`);
      await writeImage(path, image, { bitDepth: flags.bits === "16" ? 16 : 8 });
      bar.step();
    }
  } finally {
    bar.stop();
  }
  stdout.write(`${printable(flags.output)}  ${counted(count, "image", "images")}\n`);
  return 0;
}

async function apply(model: ImageModel, input: string, flags: Flags, terminal: Terminal): Promise<number> {
  const { stdout, stderr } = terminal;
  const { jobs } = await jobsFor("apply", input, flags.output, writtenExtension, terminal);
  await refuseReplacing("apply", jobs);
  const failures: string[] = [];
  const notes: DecodeNote[] = [];
  const images = progressBar(jobs.length, "applying", stderr, flags.progress, "images");
  for (const job of jobs) {
    try {
      const size = await applyTo(model, job, flags, notes, jobs.length === 1 ? terminal : undefined);
      if (jobs.length === 1) stdout.write(`${printable(job.output)}  ${size}\n`);
    } catch (error) {
      if (!(error instanceof ReconlossError)) throw error;
      // One image that was asked for by name is the whole command.
      if (jobs.length === 1) throw error;
      failures.push(`${job.input}: ${error.message}`);
    } finally {
      images.step();
    }
  }
  images.stop();
  if (jobs.length > 1)
    stdout.write(`${printable(flags.output)}  ${counted(jobs.length - failures.length, "image", "images")}\n`);
  const decoded = decodeSummary(notes);
  if (decoded !== undefined) printMessage(terminal, "yellow", "note:", `images: ${decoded}`);
  printMessages(terminal, "failed:", failures);
  return failures.length > 0 ? 1 : 0;
}

/** The image that the network is given of pixels, and the alpha beside its output. */
function partsOf(
  input: string,
  pixels: DecodedPixels,
  flags: Flags,
  notes: DecodeNote[],
): ReturnType<typeof separateAlpha> {
  const { alpha, background } = flags;
  if (alpha !== "keep") {
    const image = pixelsToTensor(input, pixels, alphaOptions({ alpha, background }), {
      note: (note) => notes.push(note),
    });
    return { image };
  }
  // An opaque image has nothing to keep, and any format holds it.
  const parted = separateAlpha(pixels);
  return parted.alpha?.data.some((opacity) => opacity < 1) ? parted : { image: parted.image };
}

/** Applies the model to one file, and says what was written: `640x480`. */
async function applyTo(
  model: ImageModel,
  { input, output }: Job,
  flags: Flags,
  notes: DecodeNote[],
  terminal?: Terminal,
): Promise<string> {
  const extension = extname(output).toLowerCase();
  const { pixels, notes: decoded } = await decodePixels(input);
  notes.push(...decoded);
  const inputBits = pixels.data instanceof Uint8Array ? "8" : "16";
  const bits = flags.bits ?? (deep.includes(extension) ? inputBits : "8");
  let bar: ReturnType<typeof progressBar> | undefined;
  const onTile = (_: number, total: number) => {
    if (terminal) bar ??= progressBar(total, "applying", terminal.stderr, flags.progress, "tiles");
    bar?.step();
  };
  try {
    const { image, alpha } = partsOf(input, pixels, flags, notes);
    const result = await applyModel(model, image, { tile: flags.tile, onTile });
    const opacity = alpha && enlargeAlpha(alpha, model.info.scale);
    await writeImage(output, result, { bitDepth: bits === "16" ? 16 : 8, quality: flags.quality, alpha: opacity });
    return `${result.shape[3]}x${result.shape[2]}`;
  } finally {
    bar?.stop();
  }
}
