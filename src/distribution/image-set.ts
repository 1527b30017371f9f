import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { ReconlossError } from "../errors.ts";
import { readFileBytes, reasonOf } from "../files.ts";
import { type AlphaOptions, decodePixels, listImages, type Pixels } from "../image/index.ts";
import { checkAlphaOptions, isFloating, pixelsToTensor, refuseOutside } from "../image/pixels.ts";
import { type NpzArray, readNpz } from "../metrics/npz.ts";
import type { Tensor } from "../tensor.ts";
import { fileSource } from "../weights/open.ts";
import { type StatisticsFile, statisticsIn } from "./statistics-file.ts";

/** The images of one side of a comparison. */
export interface ImageSet {
  readonly path: string;
  readonly count: number;
  /** What to call image `index`. */
  name(index: number): string;
  /** SHA-256 of its content, in hexadecimal. */
  hash(index: number): Promise<string>;
  /** Image `index`: pixels of 1 or 3 channels as they are stored, or a tensor [1, 1 | 3, h, w] in [0, 1] where there was alpha. */
  read(index: number): Promise<Pixels | Tensor>;
  close(): Promise<void>;
}

/** What a path leads to: images, or statistics of images. */
export type SetSource = { readonly images: ImageSet } | { readonly statistics: StatisticsFile };

/**
 * Opens a folder of images, an `.npz` file of samples (`arr_0`, [n, h, w, 3], 8 bits, as the ADM evaluator's), or an `.npz` file of statistics.
 *
 * @throws {ReconlossError} `file` when there is nothing of the kind, or no image in it
 */
export async function openSet(path: string, alpha: AlphaOptions = {}): Promise<SetSource> {
  const status = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "ENOENT" ? "does not exist" : `cannot be read: ${reasonOf(cause)}`;
    throw new ReconlossError("file", `${path} ${reason}`, { cause });
  });
  if (status.isDirectory()) return { images: await folderImages(path, alpha) };
  const source = await fileSource(path);
  try {
    const arrays = await readNpz(source);
    const samples = arrays.get("arr_0");
    if (samples === undefined || arrays.has("mu")) {
      const statistics = await statisticsIn(path, arrays);
      await source.close();
      return { statistics };
    }
    return { images: sampleImages(path, samples, () => source.close()) };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function folderImages(folder: string, alpha: AlphaOptions): Promise<ImageSet> {
  checkAlphaOptions("openSet", alpha);
  const names = await listImages(folder);
  if (names.length === 0) throw new ReconlossError("file", `${folder} holds no images`);
  return {
    path: folder,
    count: names.length,
    name: (index) => names[index],
    hash: async (index) => {
      const path = join(folder, names[index]);
      const error = (reason: string, cause: unknown) =>
        new ReconlossError("image", `cannot read ${path}: ${reason}`, { cause });
      const bytes = await readFileBytes(path, { error });
      return createHash("sha256").update(bytes).digest("hex");
    },
    read: async (index) => {
      const path = join(folder, names[index]);
      const { pixels } = await decodePixels(path);
      if (isFloating(pixels)) refuseOutside(path, pixels);
      return isFloating(pixels) || pixels.channels % 2 === 0 ? pixelsToTensor(path, pixels, alpha) : pixels;
    },
    close: async () => {},
  };
}

function sampleImages(path: string, samples: NpzArray, close: () => Promise<void>): ImageSet {
  const [count, height, width, channels] = samples.shape;
  if (samples.type !== "|u1" || samples.shape.length !== 4 || (channels !== 1 && channels !== 3)) {
    throw new ReconlossError(
      "file",
      `${path}: arr_0 must be 8-bit images [n, h, w, 3], got ${samples.type} ${samples.shape.join("x")}`,
    );
  }
  if (count * height * width === 0) throw new ReconlossError("file", `${path} holds no images`);
  const rows = (index: number) => samples.rows(index, index + 1);
  return {
    path,
    count,
    name: (index) => `arr_0[${index}]`,
    hash: async (index) =>
      createHash("sha256")
        .update(`${height} ${width} ${channels} `)
        .update(await rows(index))
        .digest("hex"),
    read: async (index) => ({ data: await rows(index), width, height, channels }),
    close,
  };
}
