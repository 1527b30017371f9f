import { createHash } from "node:crypto";
import {
  type Device,
  type ImageInput,
  type Loss,
  type LossFactory,
  type PreparedImage,
  ReconlossError,
  toImage,
} from "@reconloss/core";
import { checkArguments, checkDevice, checkPixelRange } from "@reconloss/core/internal";
import type { AlphaOptions } from "@reconloss/core/pixels";
import { measurePair } from "../compare/compare.ts";
import { type Condition, mapStatisticsOf } from "../compare/conditions.ts";
import { fitImages } from "../compare/fit.ts";
import { decodeNotes } from "../compare/load.ts";
import type { Note } from "../compare/types.ts";
import type { DecodeNote } from "../image/index.ts";
import { decodePrepared } from "../image/read.ts";
import { bySize, smallestThatMeets, type Tried } from "./smallest.ts";
import { meetsAll, parseTargets, type Targets } from "./targets.ts";

/** The target of a search, and how files are looked for. */
export interface TargetOptions extends AlphaOptions {
  /**
   * Conditions that must be true of the file, as `compare` has them, `"ssimulacra2>=80, deltaE.p99<3"`, all of them; or a number, which is at least to be reached by the one `loss`. What is good enough
   * for a target has no upper end; of priors such as `niqe`, for which no direction is better, every quality is tried.
   */
  target: string | number;
  /** The losses that `target` is about; default: those that it names. */
  loss?: Loss | readonly Loss[];
  /** Losses of one's own that `target` may name; default none. */
  more?: readonly LossFactory[];
  /** The lowest and the highest quality, whole numbers; default [1, 100]. */
  range?: readonly [lowest: number, highest: number];
  /** The number of qualities that are tried below and above the smallest file that bisection finds; default 2, and `Infinity` tries all. */
  neighbours?: number;
  /** The device that networks run on; default "cpu". */
  device?: Device;
  /** Told of every quality that was tried, as it was. Default: nothing. */
  onTry?: (trial: QualityTrial) => void;
}

/** The image, its encoder and the target of a search. */
export interface SearchQualityOptions extends TargetOptions {
  /** The image that files are compared with: pixels, a tensor, the bytes of a file, all that `toImage` takes. */
  image: ImageInput;
  /** The bytes of the image's file at a quality. */
  encode: (quality: number) => Uint8Array | Promise<Uint8Array>;
  /** The image in such bytes; default: `decodeImage` of them, which reads JPEG, WebP, AVIF, PNG and others. */
  decode?: (bytes: Uint8Array) => ImageInput | Promise<ImageInput>;
}

/** The result of one quality. */
export interface QualityTrial extends Tried {
  /** By label of the loss, and by `deltaE.p99` of statistics of its map. */
  readonly values: Readonly<Record<string, number>>;
}

/** The result of a search. */
export interface QualitySearch {
  /** The smallest file that meets the target, with its bytes as `data`; undefined where no file that was tried does. */
  readonly chosen?: QualityTrial & { readonly data: Uint8Array };
  /** All that was tried, in order of quality. */
  readonly tried: readonly QualityTrial[];
  /** Notes on the chosen file's numbers. */
  readonly notes: readonly Note[];
  /** The losses that were computed. */
  readonly losses: readonly Loss[];
  /** The conditions that the target stands for. */
  readonly conditions: readonly Condition[];
}

/** An image as it is compared. */
export interface Reading {
  readonly image: PreparedImage;
  readonly notes: readonly DecodeNote[];
}

/** A search's targets and options, checked, whatever the image comes from. */
export interface SearchPlan extends Targets {
  readonly range: { lowest: number; highest: number; neighbours: number };
  readonly device?: Device;
  readonly onTry?: (trial: QualityTrial) => void;
}

/** The plan that options stand for, checked, under the name that errors begin with. */
export function planSearch(caller: string, options: TargetOptions): SearchPlan {
  const { target, loss, more, range = [1, 100], neighbours = 2, device, onTry } = options;
  checkArguments(caller, { more: [more, "list?"], range: [range, "list"], onTry: [onTry, "function?"] });
  if (typeof target !== "string") checkArguments(caller, { target: [target, "number"] });
  if (neighbours !== Number.POSITIVE_INFINITY) checkArguments(caller, { neighbours: [neighbours, "count"] });
  const given = loss === undefined ? undefined : Array.isArray(loss) ? (loss as readonly Loss[]) : [loss as Loss];
  checkArguments(caller, { loss: [given, "objects?"] });
  const [lowest, highest, ...others] = range;
  if (others.length > 0 || ![lowest, highest].every(Number.isSafeInteger) || lowest > highest) {
    throw new ReconlossError(
      "invalid-argument",
      `${caller}: range must be the lowest and the highest quality, two whole numbers, got [${range.join(", ")}]`,
    );
  }
  checkDevice(caller, device);
  const targets = parseTargets(target, given, more);
  checkPixelRange(targets.losses, "files");
  const reach = targets.isMonotone ? neighbours : Number.POSITIVE_INFINITY;
  return { ...targets, range: { lowest, highest, neighbours: reach }, device, onTry };
}

/**
 * Searches the quality of the smallest file that meets a target, by bisection over whole numbers. Every file is decoded and compared with the image as `comparePairs` does, so that a written file has
 * the same numbers there, to the bit.
 *
 * Bisection takes it that a file which meets the target does so at every higher quality too. Neither that nor larger files at higher qualities is certain, so that all qualities within
 * `neighbours` of the smallest file found are tried as well, and around a smaller one that comes of it. What holds of the result: the file meets the target; no quality within `neighbours` of it, and none in
 * `tried`, makes a smaller file that does; where size and score both rise with quality, there is none at all.
 *
 * @returns the chosen file with its bytes, or none where no quality meets the target, and all that was tried
 * @throws {ReconlossError} `syntax` and `invalid-argument` for a target that is none; `image` for bytes that are no image; `shape` where the encoder changes the size of the image, or a loss refuses it
 *
 * @example
 * ```ts
 * import sharp from "sharp";
 * import { ssimulacra2 } from "reconloss";
 * import { searchQuality } from "reconloss/quality";
 * const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i) % 251);
 * const image = { data, width: 64, height: 64, channels: 3 } as const;
 * const encode = (quality: number) => sharp(data, { raw: image }).webp({ quality }).toBuffer();
 * const { chosen, tried } = await searchQuality({ image, encode, loss: ssimulacra2(), target: 30 });
 * chosen?.quality; // such that chosen.values.ssimulacra2 >= 30
 * tried.length; // about ten
 * ```
 */
export async function searchQuality(options: SearchQualityOptions): Promise<QualitySearch> {
  checkArguments("searchQuality", { options: [options, "object"] });
  const { image, encode, decode, alpha, background } = options;
  checkArguments("searchQuality", { encode: [encode, "function"], decode: [decode, "function?"] });
  const plan = planSearch("searchQuality", options);
  const target = await toImage(image, { alpha, background });
  const read = async (bytes: Uint8Array, name: string): Promise<Reading> => {
    if (decode === undefined) return decodePrepared("searchQuality", bytes, { alpha, background, name });
    return { image: await toImage(await decode(bytes), { alpha, background }), notes: [] };
  };
  return search({ image: target, notes: [] }, encode, read, plan);
}

/** A note of a pair, of which the image is the target and its file the output. */
function inWords(note: Note): Note {
  return { ...note, text: note.text.replace(/^the target /, "the image ").replace(/^the output /, "the file ") };
}

/** The numbers of the bytes of a file. */
interface Measured {
  readonly values: Readonly<Record<string, number>>;
  readonly notes: readonly Note[];
}

/** Searches, of an image that has been read. */
export async function search(
  target: Reading,
  encode: SearchQualityOptions["encode"],
  read: (bytes: Uint8Array, name: string) => Promise<Reading>,
  { losses, conditions, range, device, onTry }: SearchPlan,
): Promise<QualitySearch> {
  const mapStatistics = mapStatisticsOf(conditions);
  const measure = async (bytes: Uint8Array, name: string): Promise<Measured> => {
    const output = await read(bytes, name);
    const { images } = fitImages({ output: output.image, target: target.image }, undefined, "error");
    const { result, notes } = await measurePair(
      { name, output: name, target: "the image" },
      losses,
      { images, notes: decodeNotes(name, { output: output.notes, target: target.notes }) },
      {
        ...{ mapStatistics, device, inspect: false },
        onError: (error) => {
          throw error;
        },
      },
    );
    return { values: result?.values ?? {}, notes: notes.map(inWords) };
  };
  // Encoders have fewer steps than there are qualities: several give the same file.
  const known = new Map<string, Measured>();
  let smallest: (QualityTrial & { data: Uint8Array; notes: readonly Note[] }) | undefined;
  const { chosen, tried } = await smallestThatMeets<QualityTrial>(async (quality) => {
    const data = await encode(quality);
    if (!(data instanceof Uint8Array) || data.length === 0) {
      throw new ReconlossError(
        "invalid-argument",
        `encode must return the bytes of a file, but did not at quality ${quality}`,
      );
    }
    const hash = createHash("sha256").update(data).digest("hex");
    const { values, notes } = known.get(hash) ?? (await measure(data, `the file of quality ${quality}`));
    known.set(hash, { values, notes });
    const trial = { quality, bytes: data.length, values, isMet: meetsAll(conditions, values) };
    if (trial.isMet && (smallest === undefined || bySize(trial, smallest) < 0)) smallest = { ...trial, data, notes };
    onTry?.(trial);
    return trial;
  }, range);
  const { data, notes = [] } = smallest ?? {};
  return { ...(chosen && data && { chosen: { ...chosen, data } }), tried, notes, losses, conditions };
}
