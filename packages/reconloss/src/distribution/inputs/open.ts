import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { Recent } from "@reconloss/core/internal";
import type { ByteSource } from "@reconloss/core/weights";
import { readFileBytes, reasonOf, systemPath } from "../../files.ts";
import { isUrl, withoutSecrets } from "../../http.ts";
import { headLength, knownExtensions } from "../../image/formats.ts";
import { describeIgnoredFiles } from "../../image/index.ts";
import { checkPixelOptions } from "../../image/read.ts";
import type { SetOptions, SetSource } from "../image-set.ts";
import { npy, npz } from "./arrays.ts";
import { expandBraces, hasBraces } from "./braces.ts";
import { unreadable } from "./encoded.ts";
import { FilePool } from "./file-pool.ts";
import { folderImages } from "./folder.ts";
import type { Input, InputContext, Offer } from "./input.ts";
import { joinSets } from "./join.ts";
import { jsonList, textList } from "./list.ts";
import { parquet as parquetFile } from "./parquet.ts";
import { ParquetThread } from "./parquet-thread.ts";
import { compressedTar, tar } from "./tar.ts";
import { Web } from "./web.ts";
import { zip } from "./zip.ts";

/** All files that are sets. One of another extension is of the first kind that its beginning matches. */
const inputs: readonly Input[] = [textList, jsonList, tar, compressedTar, zip, npz, npy, parquetFile];

/** Sets within sets: an archive, in a pattern, in a list. A list that names itself would have no end. */
const deepest = 2;

const extensionOf = (path: string): string => extname(withoutSecrets(path)).toLowerCase();

function inputNamed(path: string): Input | undefined {
  return inputs.find(({ extensions }) => extensions.includes(extensionOf(path)));
}

/**
 * Opens a set of images: a folder; a list of paths (`.txt`, `.jsonl`); a `.tar`, `.zip` or `.parquet` of encoded images; an `.npy` of images; an `.npz` file of
 * samples (`arr_0`, [n, h, w, 3], 8 bits, as the ADM evaluator's), of statistics, or of both; or several, as a pattern (`shard-{000..199}.tar`) or with `::` between
 * them. All but folders may be addresses of the web.
 *
 * @throws {ReconlossError} `file` when there is nothing of the kind; `download` for an address that cannot be read; `missing-dependency` for parquet without hyparquet
 */
export async function openSet(path: string, options: SetOptions = {}): Promise<SetSource> {
  const resources: Resources = {
    files: new FilePool(),
    web: new Web(options),
    rowGroups: new Recent(groupsAtOnce),
    parquet: new ParquetThread(options.parquetLimits),
  };
  const close = async () => {
    await resources.parquet.close();
    await resources.files.close();
    await resources.web.close();
  };
  try {
    const offer = await openPath(path, options, resources);
    return {
      path: withoutSecrets(path),
      ...(offer.statistics ? { statistics: offer.statistics } : {}),
      ...(offer.images ? { images: () => imagesOf(path, offer.images as NonNullable<Offer["images"]>, options) } : {}),
      close: async () => {
        await offer.close?.();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The state that all parts of a set share. */
interface Resources {
  readonly files: FilePool;
  readonly web: Web;
  readonly rowGroups: Recent<readonly unknown[]>;
  readonly parquet: ParquetThread;
}

/** Row groups in memory: images are read in order, of one group and the next. */
const groupsAtOnce = 2;

/** The images of a set, which must have some. */
async function imagesOf(path: string, open: NonNullable<Offer["images"]>, options: SetOptions) {
  checkPixelOptions(path, options);
  const images = await open();
  if (images.count > 0) return images;
  const others = describeIgnoredFiles(images.ignoredFiles ?? {});
  throw new ReconlossError("file", `${withoutSecrets(path)} contains no images${others && `; ignored: ${others}`}`);
}

/** The contents of a path, which may be no images at all: of many shards, one may be empty. */
async function openPath(path: string, options: SetOptions, resources: Resources, depth = 0): Promise<Offer> {
  if (depth > deepest)
    throw new ReconlossError("content", `${withoutSecrets(path)} is a list nested too deeply, in lists of lists`);
  const { files, web, rowGroups, parquet } = resources;
  const context: InputContext = {
    path,
    options,
    isArchive: (other) =>
      hasBraces(other) || (inputNamed(other) !== undefined && !knownExtensions.has(extensionOf(other))),
    openSet: async (other) => {
      const { parts, ...rest } = options;
      const offer = await openPath(other, rest, resources, depth + 1);
      return { path: other, ...offer, close: async () => offer.close?.() };
    },
    rowGroups,
    parquet,
    readImage: (other, most) =>
      isUrl(other)
        ? web.fetch(other, most, unreadable)
        : readFileBytes(other, { most, error: (reason, cause) => unreadable(other, reason, cause) }),
  };
  const local = isUrl(path) ? undefined : await stat(systemPath(path)).catch((cause: NodeJS.ErrnoException) => cause);
  if (local instanceof Error || local === undefined) {
    if (hasBraces(path) || path.includes("::")) return joinSets(expandBraces(path), context);
    if (local instanceof Error) throw noSuchPath(path, local);
  } else if (local.isDirectory()) return { images: () => folderImages(path, options) };
  const source = await (isUrl(path) ? web : files).open(path);
  return (inputNamed(path) ?? (await inputByContent(source))).open(source, context);
}

function noSuchPath(path: string, cause: NodeJS.ErrnoException): ReconlossError {
  const isAddress = /^[a-z][a-z\d+.-]+:\/\//i.test(path);
  const missing = isAddress ? "is not a path; only http and https addresses are supported" : "does not exist";
  const reason = cause.code === "ENOENT" ? missing : `cannot be read: ${reasonOf(cause)}`;
  return new ReconlossError("file", `${path === "" ? 'the path ""' : path} ${reason}`, { cause });
}

async function inputByContent(source: ByteSource): Promise<Input> {
  const head = await source.read(0, Math.min(source.size, headLength));
  return inputs.find((input) => input.matches?.(head)) ?? refuse(source.name);
}

function refuse(path: string): never {
  const names = inputs.flatMap(({ extensions }) => extensions.slice(0, 1)).join(", ");
  throw new ReconlossError(
    "content",
    `${path} is not a set of images; a folder or a file of these kinds can be read: ${names}`,
  );
}
