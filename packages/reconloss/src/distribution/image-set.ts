import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { ReconlossError, type Tensor } from "@reconloss/core";
import { isFloating, type NpzArray, pixelsToTensor, readNpz, refuseOutside } from "@reconloss/core/internal";
import { readFileBytes, reasonOf, systemPath } from "../files.ts";
import {
  type DecodeNote,
  decodePixels,
  describePassedOver,
  listFolder,
  type PassedOver,
  type PixelOptions,
  type Pixels,
} from "../image/index.ts";
import { defaultLimitPixels } from "../image/limit.ts";
import { checkPixelOptions } from "../image/read.ts";
import { fileSource } from "../weights/open.ts";
import { type StatisticsFile, statisticsIn } from "./statistics-file.ts";

/** An image whose bytes are in memory, so that hash and pixels are of the same bytes. */
export interface SetImage {
  /** SHA-256 of its content, in hexadecimal. */
  readonly hash: string;
  /** Pixels of 1 or 3 channels as they are stored, or a tensor [1, 1 | 3, h, w] in [0, 1] where there was alpha; and what was done to them. */
  decode(): Promise<{ image: Pixels | Tensor; notes: readonly DecodeNote[] }>;
}

/** The images of one side of a comparison. */
export interface ImageSet {
  readonly count: number;
  /** Of a folder: how many of its files are no images, by extension. */
  readonly passedOver?: PassedOver;
  /** What to call image `index`. */
  name(index: number): string;
  /** How many bytes image `index` takes where it is stored: with its name, what a plan knows it by. Absent where that says nothing. */
  bytes?(index: number): Promise<number>;
  /** Reads image `index`, once. */
  load(index: number): Promise<SetImage>;
}

/** What a path leads to: images, statistics of images, or both, as in the reference files of the ADM evaluator. Neither is looked at before it is asked for. */
export interface SetSource {
  readonly path: string;
  /** @throws {ReconlossError} `file` when there are none, or they are not images */
  images?(): Promise<ImageSet>;
  /** @throws {ReconlossError} as `readStatistics` */
  statistics?(): Promise<StatisticsFile>;
  close(): Promise<void>;
}

/**
 * Opens a folder of images, or an `.npz` file of samples (`arr_0`, [n, h, w, 3], 8 bits, as the ADM evaluator's), of statistics, or of both.
 *
 * @throws {ReconlossError} `file` when there is nothing of the kind
 */
export async function openSet(path: string, options: PixelOptions = {}): Promise<SetSource> {
  const status = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "ENOENT" ? "does not exist" : `cannot be read: ${reasonOf(cause)}`;
    throw new ReconlossError("file", `${path} ${reason}`, { cause });
  });
  if (status.isDirectory()) return { path, images: () => folderImages(path, options), close: async () => {} };
  const source = await fileSource(path);
  const close = () => source.close();
  try {
    const archive = await readNpz(source);
    const hasSamples = archive.has("arr_0");
    return {
      path,
      ...(hasSamples ? { images: async () => sampleImages(path, await archive.array("arr_0")) } : {}),
      ...(archive.has("mu") || !hasSamples ? { statistics: () => statisticsIn(path, archive) } : {}),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function folderImages(folder: string, options: PixelOptions): Promise<ImageSet> {
  checkPixelOptions(folder, options);
  const { images: names, passedOver } = await listFolder(folder);
  if (names.length === 0) {
    const others = describePassedOver(passedOver);
    throw new ReconlossError("file", `${folder} holds no images${others && `; passed over: ${others}`}`);
  }
  return {
    count: names.length,
    passedOver,
    name: (index) => names[index],
    bytes: async (index) => (await stat(systemPath(join(folder, names[index])))).size,
    load: async (index) => {
      const path = join(folder, names[index]);
      const error = (reason: string, cause: unknown) =>
        new ReconlossError("image", `cannot read ${path}: ${reason}`, { cause });
      const bytes = await readFileBytes(path, { error });
      return {
        hash: createHash("sha256").update(bytes).digest("hex"),
        decode: async () => {
          const { pixels, notes } = await decodePixels(bytes, { name: path, decode: options.decode });
          if (isFloating(pixels)) refuseOutside(path, pixels);
          if (!isFloating(pixels) && pixels.channels % 2 === 1) return { image: pixels, notes };
          const all = [...notes];
          return { image: pixelsToTensor(path, pixels, options, { note: (note) => all.push(note) }), notes: all };
        },
      };
    },
  };
}

function sampleImages(path: string, samples: NpzArray): ImageSet {
  const [count, height, width, channels] = samples.shape;
  const { type, isFortran } = samples.header;
  if (type !== "uint8" || isFortran || samples.shape.length !== 4 || (channels !== 1 && channels !== 3)) {
    const order = isFortran ? " in Fortran order" : "";
    throw new ReconlossError(
      "file",
      `${path}: arr_0 must be 8-bit images [n, h, w, 3], got ${type} ${samples.shape.join("x")}${order}`,
    );
  }
  const most = defaultLimitPixels();
  if (height * width > most) {
    throw new ReconlossError(
      "file",
      `${path}: arr_0 has images of ${width}x${height} pixels; at most ${most} are read`,
    );
  }
  if (count * height * width === 0) throw new ReconlossError("file", `${path} holds no images`);
  return {
    count,
    name: (index) => `arr_0[${index}]`,
    load: async (index) => {
      const data = await samples.rows(index, index + 1);
      return {
        hash: createHash("sha256").update(`${height} ${width} ${channels} `).update(data).digest("hex"),
        decode: async () => ({ image: { data, width, height, channels }, notes: [] }),
      };
    },
  };
}
