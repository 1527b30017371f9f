import { ReconlossError, type Tensor } from "@reconloss/core";
import type { DecodeNote, ImagePair, PixelOptions } from "../image/index.ts";
import { checkPixelOptions, decodePrepared, decodeSeparated, pixelOptionsOf } from "../image/read.ts";
import type { FileContents } from "./file-contents.ts";
import { type Fit, fitImages, fits } from "./fit.ts";
import type { Images } from "./measure.ts";
import type { Note } from "./types.ts";
import { weightOf } from "./weight.ts";

/** The options of reading a pair's files as two images of one size. */
export interface LoadOptions extends PixelOptions {
  /**
   * The treatment of an output and a target that differ in size: `"error"` (default) fails the pair; `"crop"` cuts off rows at the bottom and columns at the right of both, down to what they have in
   * common, where they differ by at most 16 pixels or a tenth of a side; `"resize"` resizes the output to its target's size, bicubic with antialiasing. A note says which pairs.
   */
  fit?: Fit;
  /** Whether the target's alpha says how much its pixels count; colours are then those stored, and the output's alpha is dropped. Default false. */
  alphaMask?: boolean;
}

/** These options alone, of an object that has others too. */
export function loadOptionsOf(options: LoadOptions): LoadOptions {
  const { fit, alphaMask } = options;
  return {
    ...pixelOptionsOf(options),
    ...(fit === undefined ? {} : { fit }),
    ...(alphaMask === undefined ? {} : { alphaMask }),
  };
}

/** @throws {ReconlossError} `invalid-argument` for options that make no sense, by themselves or together */
export function checkLoadOptions(caller: string, options: LoadOptions): void {
  checkPixelOptions(caller, options);
  const { fit = "error", alphaMask = false, alpha, decode } = options;
  const refuse = (problem: string) => new ReconlossError("invalid-argument", `${caller}: ${problem}`);
  if (!fits.includes(fit)) throw refuse(`fit must be one of ${fits.join(", ")}, got ${JSON.stringify(fit)}`);
  if (typeof alphaMask !== "boolean") throw refuse("alphaMask must be true or false");
  if (!alphaMask) return;
  if (decode === "pillow") throw refuse('decode "pillow" drops alpha, which alphaMask needs');
  if (alpha === "compare" || alpha === "reject") {
    throw refuse(`alpha "${alpha}" and alphaMask cannot be combined`);
  }
}

/** Two images of one size, what their pixels count, and what there is to say of how they came to be. */
export interface LoadedPair {
  readonly images: Images;
  /** [1, 1, h, w]; undefined where all count the same. */
  readonly weight?: Tensor;
  readonly notes: readonly Note[];
}

/**
 * Reads the images of a pair, of one size, without what their pixels count; under the name that errors begin with.
 *
 * @throws {ReconlossError} whatever is wrong with a file, or the sizes
 */
export async function readImages(
  caller: string,
  { output, target }: Pick<ImagePair, "output" | "target">,
  options: LoadOptions,
): Promise<Images> {
  const [a, b] = await Promise.all(
    [output, target].map((path) => decodePrepared(caller, path, pixelOptionsOf(options))),
  );
  return fitImages({ output: a.image, target: b.image }, undefined, options.fit ?? "error").images;
}

/** The notes on how two images were read. */
export function decodeNotes(name: string, notes: Readonly<Record<keyof Images, readonly DecodeNote[]>>): Note[] {
  return (["output", "target"] as const).flatMap((side) =>
    notes[side].map(({ kind, text }) => ({ kind, name, text: `the ${side} ${text}` })),
  );
}

/** An image as it was read, with its alpha where that is a mask. */
type Read = Awaited<ReturnType<typeof decodeSeparated>>;

/** Reads one image of a pair. */
function readOne(path: string, options: LoadOptions, contents: FileContents): Promise<Read> {
  const source = contents.get(path) ?? path;
  return options.alphaMask
    ? decodeSeparated("comparePairs", source, { name: path })
    : decodePrepared("comparePairs", source, { ...pixelOptionsOf(options), name: path });
}

/** The targets that are kept: those of the pairs in work, of which those of one target lie behind each other. */
const targetsKept = 2;

/** Reads pairs of one set of options as {@link loadPair} does, each target once where the pairs that have it follow each other. */
export function keepingTargets(): typeof loadPair {
  const kept = new Map<string, Promise<Read>>();
  return (pair, options, contents = new Map()) => {
    const { target } = pair;
    let read = kept.get(target);
    if (read === undefined) {
      read = readOne(target, options, contents);
      kept.set(target, read);
      const [oldest] = kept.keys();
      if (kept.size > targetsKept) kept.delete(oldest);
    }
    return loadedPair(pair, options, contents, read);
  };
}

/**
 * Reads a pair.
 *
 * @param contents - of files that were read before
 * @throws {ReconlossError} whatever is wrong with a file, the mask, or the sizes
 */
export async function loadPair(
  pair: ImagePair,
  options: LoadOptions,
  contents: FileContents = new Map(),
): Promise<LoadedPair> {
  return loadedPair(pair, options, contents, readOne(pair.target, options, contents));
}

/** A pair with the target that is being read. */
async function loadedPair(
  pair: ImagePair,
  options: LoadOptions,
  contents: FileContents,
  targetRead: Promise<Read>,
): Promise<LoadedPair> {
  const { fit = "error", alphaMask = false } = options;
  const [output, target] = await Promise.all([readOne(pair.output, options, contents), targetRead]);
  const { name } = pair;
  const notes = decodeNotes(name, { output: output.notes, target: target.notes });
  const [, , height, width] = target.image.shape;
  const { weight, notes: ofWeight } = await weightOf(pair, [height, width], target.alpha, contents);
  const masked = (text: string) => notes.push({ kind: "masked", name, text });
  if (alphaMask && output.alpha !== undefined) masked("the output's alpha was dropped; the target's is used as weight");
  ofWeight.forEach(masked);
  const fitted = fitImages({ output: output.image, target: target.image }, weight, fit);
  if (fitted.text !== undefined) notes.push({ kind: "fitted", name, text: fitted.text });
  return { images: fitted.images, weight: fitted.weight, notes };
}
