import { join } from "node:path";
import { Random, ReconlossError } from "@reconloss/core";
import { isFloating, pixelsToTensor, refuseOutside } from "@reconloss/core/internal";
import { reasonOf } from "../files.ts";
import {
  type AlphaOptions,
  type DecodeNote,
  decodePixels,
  describeIgnoredFiles,
  type IgnoredFiles,
  listFolder,
  type Pixels,
  toPixels,
} from "../image/index.ts";

/** A photograph on disk, or a part of one. */
export interface Photograph {
  /** Relative to its folder. */
  readonly name: string;
  readonly path: string;
  /** The range of its columns, as fractions of its width. Default: all. */
  readonly part?: readonly [start: number, end: number];
}

/** Photographs to learn from, and others to judge by. */
export interface Split {
  readonly training: readonly Photograph[];
  readonly validation: readonly Photograph[];
  /** The numbers of files of each folder that are no images, by extension. */
  readonly ignoredFiles: Readonly<Record<string, IgnoredFiles>>;
}

/** A photograph that could not be used. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

/** One of so many photographs is held out. */
const every = 10;
/** The part of each photograph that is held out where there are fewer than {@link every}: its middle, where there is most to see. */
const middle = [0.4, 0.6] as const;

async function photographsIn(folder: string): Promise<{ photographs: Photograph[]; ignoredFiles: IgnoredFiles }> {
  const { images, ignoredFiles } = await listFolder(folder);
  if (images.length === 0) {
    const others = describeIgnoredFiles(ignoredFiles);
    throw new ReconlossError("file", `photographs: ${folder} contains no image${others && `; ignored: ${others}`}`);
  }
  return { photographs: images.map((name) => ({ name, path: join(folder, name) })), ignoredFiles };
}

/**
 * Divides the photographs of a folder and its subfolders into those for training and those held out, by a rule that depends on their names alone: with `validation`, those of
 * that folder are held out; else every tenth in natural order; of fewer than ten, the middle fifth of each.
 *
 * @throws {ReconlossError} `file` when a folder cannot be read or contains no image
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { writeImage } from "reconloss/image";
 * import { splitPhotographs } from "reconloss/tasks";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * for (let i = 1; i <= 20; i++) await writeImage(join(folder, `${i}.png`), Tensor.full([1, 3, 8, 8], 0));
 * const { training, validation } = await splitPhotographs(folder);
 * training.length; // 18
 * validation.map(({ name }) => name); // ["10.png","20.png"]
 * ```
 */
export async function splitPhotographs(folder: string, validation?: string): Promise<Split> {
  const { photographs: all, ignoredFiles: others } = await photographsIn(folder);
  const ignoredFiles = { [folder]: others };
  if (validation !== undefined) {
    const heldOut = await photographsIn(validation);
    const ofBoth = { ...ignoredFiles, [validation]: heldOut.ignoredFiles };
    return { training: all, validation: heldOut.photographs, ignoredFiles: ofBoth };
  }
  if (all.length < every) {
    return {
      ignoredFiles,
      training: all.flatMap((photograph) => [
        { ...photograph, part: [0, middle[0]] as const },
        { ...photograph, part: [middle[1], 1] as const },
      ]),
      validation: all.map((photograph) => ({ ...photograph, part: middle })),
    };
  }
  const isHeldOut = (index: number) => index % every === every - 1;
  return {
    ignoredFiles,
    training: all.filter((_, index) => !isHeldOut(index)),
    validation: all.filter((_, index) => isHeldOut(index)),
  };
}

/** The columns of an image from `left` to `right`, copied. */
function columns({ data, width, height, channels }: Pixels, left: number, right: number): Pixels {
  const cut = (data as Uint8Array).slice(0, (right - left) * height * channels);
  for (let y = 0; y < height; y++) {
    const row = data.subarray((y * width + left) * channels, (y * width + right) * channels);
    cut.set(row, y * (right - left) * channels);
  }
  return { data: cut, width: right - left, height, channels };
}

/** The options of reading photographs. */
export interface PhotographOptions extends AlphaOptions {
  /** Is told what was done to the pixels of each file, by its path. */
  decoded?: Map<string, readonly DecodeNote[]>;
}

/** The pixels of a photograph or its part, without alpha. */
export async function readPhotograph({ path, part }: Photograph, options: PhotographOptions): Promise<Pixels> {
  const { pixels: read, notes } = await decodePixels(path);
  const all = [...notes];
  if (isFloating(read)) refuseOutside(path, read);
  const bitDepth = read.data instanceof Uint8Array ? 8 : 16;
  const isStored = !isFloating(read) && read.channels % 2 === 1;
  const pixels = isStored
    ? read
    : toPixels(pixelsToTensor(path, read, options, { note: (note) => all.push(note) }), { bitDepth });
  options.decoded?.set(path, all);
  if (part === undefined) return pixels;
  const [start, end] = part.map((fraction) => Math.round(pixels.width * fraction));
  return columns(pixels, start, end);
}

/** The options of {@link PhotographStore}. */
export interface StoreOptions extends PhotographOptions {
  /** The least width and height. */
  leastSide: number;
  /** The most pixels that are held in memory at once. */
  limitPixels: number;
  /** The seed of the choice of photographs, where not all fit. */
  seed: number;
}

/** Files that are decoded side by side. */
const readAtOnce = 4;

/** For how many steps the same photographs are drawn from, where not all fit into memory. */
const roundLength = 200;

/**
 * Photographs in memory, as their files' samples. Where all fit, each is decoded once. Where they do not, each round of steps draws from as many as fit, chosen anew by
 * seed and round: which photographs a step sees follows from its number alone, whatever was decoded before.
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { writeImage } from "reconloss/image";
 * import { PhotographStore } from "reconloss/tasks";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * await writeImage(join(folder, "a.png"), Tensor.full([1, 3, 64, 48], 0.5));
 * const photographs = [{ name: "a.png", path: join(folder, "a.png") }];
 * const store = new PhotographStore(photographs, { leastSide: 32, limitPixels: 1e6, seed: 1 });
 * const [{ width, height }] = await store.forStep(0); // 48, 64
 * ```
 */
export class PhotographStore {
  readonly #photographs: readonly Photograph[];
  readonly #options: StoreOptions;
  readonly #skipped = new Map<Photograph, Skipped>();
  #held = new Map<Photograph, Pixels>();
  #round = -1;
  #isComplete = false;

  constructor(photographs: readonly Photograph[], options: StoreOptions) {
    this.#photographs = photographs;
    this.#options = options;
  }

  /** Those that could not be used, as far as was tried. */
  get skipped(): readonly Skipped[] {
    return [...this.#skipped.values()];
  }

  /**
   * The photographs that a step may draw from, in natural order.
   *
   * @throws {ReconlossError} `image` when not a single photograph can be used
   */
  async forStep(step: number): Promise<readonly Pixels[]> {
    const round = Math.floor(step / roundLength);
    if (!this.#isComplete && round !== this.#round) await this.#load(round);
    return [...this.#held.values()];
  }

  async #load(round: number): Promise<void> {
    const order = shuffled(this.#photographs, new Random(this.#options.seed, "photographs", round));
    // Let go before others come, so that memory holds one round only.
    this.#held.clear();
    const chosen = new Map<Photograph, Pixels>();
    let room = this.#options.limitPixels;
    for (let start = 0; start < order.length && room >= 0; start += readAtOnce) {
      const some = order.slice(start, start + readAtOnce);
      const read = await Promise.all(some.map((photograph) => this.#read(photograph)));
      for (const [index, pixels] of read.entries()) {
        if (pixels === undefined || room < 0) continue;
        room -= pixels.width * pixels.height;
        if (room >= 0 || chosen.size === 0) chosen.set(some[index], pixels);
      }
    }
    if (chosen.size === 0) throw new ReconlossError("image", `photographs: ${this.#nothingUsable()}`);
    this.#isComplete = chosen.size + this.#skipped.size === this.#photographs.length;
    this.#held = new Map(
      this.#photographs.flatMap((photograph) => {
        const pixels = chosen.get(photograph);
        return pixels ? [[photograph, pixels] as const] : [];
      }),
    );
    this.#round = round;
  }

  async #read(photograph: Photograph): Promise<Pixels | undefined> {
    if (this.#skipped.has(photograph)) return undefined;
    const skip = (reason: string): undefined => {
      this.#skipped.set(photograph, { path: photograph.path, reason });
    };
    try {
      const pixels = await readPhotograph(photograph, this.#options);
      const { width, height } = pixels;
      const { leastSide } = this.#options;
      if (Math.min(width, height) >= leastSide) return pixels;
      const what = photograph.part === undefined ? "it" : "a part of it";
      return skip(`${what} has ${width}x${height} pixels, but ${leastSide}x${leastSide} are needed`);
    } catch (error) {
      if (!(error instanceof ReconlossError) || error.code === "missing-dependency") throw error;
      return skip(reasonOf(error));
    }
  }

  #nothingUsable(): string {
    const [first, ...others] = this.skipped;
    return `none of ${this.#photographs.length} can be used; ${first.path}: ${first.reason}${others.length > 0 ? ", and so on" : ""}`;
  }
}

/** In random order (Fisher and Yates). */
function shuffled<T>(things: readonly T[], random: Random): T[] {
  const order = [...things];
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
