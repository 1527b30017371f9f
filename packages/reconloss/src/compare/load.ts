import { ReconlossError, type Tensor } from "@reconloss/core";
import type { DecodeNote, ImagePair, PixelOptions } from "../image/index.ts";
import { checkPixelOptions, decodePrepared, decodeSeparated, pixelOptionsOf } from "../image/read.ts";
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

/**
 * Reads a pair.
 *
 * @throws {ReconlossError} whatever is wrong with a file, the mask, or the sizes
 */
export async function loadPair(pair: ImagePair, options: LoadOptions): Promise<LoadedPair> {
  const { fit = "error", alphaMask = false } = options;
  const pixels = pixelOptionsOf(options);
  const read = (path: string): ReturnType<typeof decodeSeparated> =>
    alphaMask ? decodeSeparated("comparePairs", path) : decodePrepared("comparePairs", path, pixels);
  const [output, target] = await Promise.all([read(pair.output), read(pair.target)]);
  const { name } = pair;
  const notes = decodeNotes(name, { output: output.notes, target: target.notes });
  const [, , height, width] = target.image.shape;
  const { weight, notes: ofWeight } = await weightOf(pair, [height, width], target.alpha);
  const masked = (text: string) => notes.push({ kind: "masked", name, text });
  if (alphaMask && output.alpha !== undefined) masked("the output's alpha was dropped; the target's says what counts");
  ofWeight.forEach(masked);
  const fitted = fitImages({ output: output.image, target: target.image }, weight, fit);
  if (fitted.text !== undefined) notes.push({ kind: "fitted", name, text: fitted.text });
  return { images: fitted.images, weight: fitted.weight, notes };
}
