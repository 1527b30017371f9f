import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { checkArguments, isArchive, isFloatingType, orDoWithout } from "@reconloss/core/internal";
import type { StateDict, WeightTensor } from "@reconloss/core/nets";
import {
  type Checkpoint,
  type CheckpointOptions,
  safetensors,
  type WeightsEntry,
  weightsEntry,
} from "@reconloss/core/weights";
import { copyFileAtomically, writeFileAtomically } from "../files.ts";
import { type DownloadOptions, downloadUrl, downloadWeights, fileSha256 } from "./download.ts";
import { type Environment, weightsCache } from "./folders.ts";
import { openCheckpoint } from "./open.ts";

/** The places to look for weights, and the ways to get those that are not there. */
export interface WeightsOptions extends DownloadOptions, CheckpointOptions {
  /** The file itself; nothing else is looked at then. */
  path?: string;
  /** A folder with files under their upstream name, or as `<registry name>.pth` or `.safetensors`. Default: `RECONLOSS_WEIGHTS`. */
  folder?: string;
  /** Download what is not on this machine. Default true, unless `RECONLOSS_OFFLINE` is set to anything but 0. */
  download?: boolean;
}

/** A weights file on this machine. */
export interface FoundWeights {
  readonly path: string;
  /** The place where it was found: the explicit path, the weights folder or the cache. */
  readonly from: "path" | "folder" | "cache";
}

/** Files up to this size are hashed whenever they are found, which costs nothing; larger ones are known by their size. */
const SMALL_FILE = 2 ** 20;

/** The folders that are searched, in order. */
function searchPlaces({ folder, env = process.env }: WeightsOptions): { folder: string; from: "folder" | "cache" }[] {
  const chosen = folder ?? env.RECONLOSS_WEIGHTS;
  const cache = { folder: weightsCache(env), from: "cache" as const };
  return chosen ? [{ folder: chosen, from: "folder" }, cache] : [cache];
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    (stats) => (stats.isFile() ? stats.size : undefined),
    () => undefined,
  );
}

/** Whether a file that has upstream's name is upstream's, as far as that is cheap to say. */
async function isUpstream(entry: WeightsEntry, path: string, size: number): Promise<boolean> {
  if (entry.bytes !== undefined && size !== entry.bytes) return false;
  return entry.sha256 === undefined || size > SMALL_FILE || (await fileSha256(path)) === entry.sha256;
}

async function findInFolder(entry: WeightsEntry, folder: string): Promise<string | undefined> {
  for (const extension of [".safetensors", ".pth"]) {
    const own = join(folder, entry.name + extension);
    if ((await sizeOf(own)) !== undefined) return own;
  }
  const upstream = join(folder, entry.file);
  const size = await sizeOf(upstream);
  if (size !== undefined) {
    if (await isUpstream(entry, upstream, size)) return upstream;
    throw new ReconlossError(
      "checkpoint",
      `${upstream}: ${size} bytes that are not those of the published ${entry.file}; delete it, or rename it to ${entry.name}.pth to use it`,
    );
  }
  // Both versions of an LPIPS head are called the same upstream; without the version's folder only the hash tells them apart.
  const bare = join(folder, basename(entry.file));
  const bareSize = await sizeOf(bare);
  const isKnown = bareSize !== undefined && entry.sha256 !== undefined && (await isUpstream(entry, bare, bareSize));
  return isKnown ? bare : undefined;
}

/**
 * A path that was given for the weights of a name.
 *
 * @throws {ReconlossError} `missing-weights` where there is no file
 */
export async function explicitFile(path: string, name: string): Promise<string> {
  if ((await sizeOf(path)) !== undefined) return path;
  throw new ReconlossError("missing-weights", `weights ${name}: there is no file ${path}`);
}

/**
 * Looks for weights on this machine: the explicit path, the weights folder, the cache. Downloads nothing.
 *
 * @returns undefined when they are nowhere.
 * @throws {ReconlossError} `missing-weights` when an explicit path is not a file; `checkpoint` when a file has upstream's name but not its
 * size (or, for small files, its hash).
 * @example
 * ```ts
 * import { findWeights } from "reconloss/weights";
 *
 * const found = await findWeights("vgg16", { env: { RECONLOSS_HOME: "/nowhere" } });
 * console.log(found?.path ?? "not on this machine");
 * ```
 */
export async function findWeights(name: string, options: WeightsOptions = {}): Promise<FoundWeights | undefined> {
  checkArguments("findWeights", { name: [name, "text"], options: [options, "object?"] });
  const entry = weightsEntry(name);
  if (options.path !== undefined) return { path: await explicitFile(options.path, name), from: "path" };
  for (const { folder, from } of searchPlaces(options)) {
    const path = await findInFolder(entry, folder);
    if (path !== undefined) return { path, from };
  }
  return undefined;
}

/**
 * Brings weights into the cache unless they are on this machine already.
 *
 * @returns their path.
 * @throws {ReconlossError} `download` when the download fails or is turned off; `file` when the disk takes no more; also what
 * {@link findWeights} throws.
 * @example
 * ```ts
 * import { pullWeights } from "reconloss/weights";
 *
 * const env = { RECONLOSS_HOME: "/nowhere", RECONLOSS_OFFLINE: "1" };
 * const error = await pullWeights("vgg16", { env }).catch((caught) => caught);
 * error.code; // "download"
 * ```
 */
export async function pullWeights(name: string, options: WeightsOptions = {}): Promise<string> {
  checkArguments("pullWeights", { name: [name, "text"], options: [options, "object?"] });
  const found = await findWeights(name, options);
  if (found !== undefined) return found.path;
  const { download = true, env = process.env } = options;
  if (env.RECONLOSS_OFFLINE && env.RECONLOSS_OFFLINE !== "0") {
    throw new ReconlossError("download", `${name}: downloads are disabled by RECONLOSS_OFFLINE`);
  }
  if (!download) throw new ReconlossError("download", `${name}: downloads are disabled`);
  const entry = weightsEntry(name);
  const path = join(weightsCache(env), entry.file);
  await downloadWeights(entry, path, options);
  return path;
}

/**
 * Path of the weights on this machine; downloads them into the cache first where that is needed and allowed.
 *
 * @throws {ReconlossError} `missing-weights` when they are not here and cannot be brought: the message says which file is missing, where it
 * was looked for and the command that brings it. Also what {@link findWeights} throws, and `file` when the disk takes no more.
 * @example
 * ```ts
 * import { resolveWeights } from "reconloss/weights";
 *
 * const env = { RECONLOSS_HOME: "/nowhere", RECONLOSS_OFFLINE: "1" };
 * const error = await resolveWeights("vgg16", { env }).catch((caught) => caught);
 * error.code; // "missing-weights"
 * ```
 */
export async function resolveWeights(name: string, options: WeightsOptions = {}): Promise<string> {
  checkArguments("resolveWeights", { name: [name, "text"], options: [options, "object?"] });
  try {
    return await pullWeights(name, options);
  } catch (cause) {
    if (cause instanceof ReconlossError && cause.code === "download") throw missing(weightsEntry(name), options, cause);
    throw cause;
  }
}

/**
 * Opens weights by their registry name, wherever they are; see {@link resolveWeights}. Close the checkpoint when done.
 *
 * @throws {ReconlossError} as {@link resolveWeights}, and `checkpoint` when the file is damaged or unsafe.
 * @example
 * ```ts
 * import { openWeights } from "reconloss/weights";
 *
 * const options = { env: { RECONLOSS_HOME: "/nowhere" }, download: false };
 * const error = await openWeights("lpips-alex", options).catch((caught) => caught);
 * error.code; // "missing-weights"
 * ```
 */
export async function openWeights(name: string, options: WeightsOptions = {}): Promise<Checkpoint> {
  checkArguments("openWeights", { name: [name, "text"], options: [options, "object?"] });
  return openCheckpoint(await resolveWeights(name, options), options);
}

function missing(entry: WeightsEntry, options: WeightsOptions, cause: ReconlossError): ReconlossError {
  const places = searchPlaces(options).map(
    ({ folder, from }) => `${folder} (${from === "cache" ? "cache" : "weights folder"})`,
  );
  const message = [
    `weights ${entry.name} are not on this machine: looked for ${entry.name}.safetensors, ${entry.name}.pth or ${entry.file} in ${places.join(" and ")}`,
    `they were not downloaded because ${cause.message}`,
    `to download them: npx reconloss weights pull ${entry.name}${orDoWithout(entry)}`,
    `or fetch ${downloadUrl(entry, options.env)} elsewhere, then: npx reconloss weights import FILE --as ${entry.name}`,
  ].join("; ");
  return new ReconlossError("missing-weights", message, { cause });
}

/** The result of importing a file. */
export interface ImportedWeights {
  readonly path: string;
  /** Whether its bytes are upstream's. */
  readonly verified: boolean;
}

/**
 * Copies a file into the cache as the weights of that name. Upstream's own bytes go under their upstream name; any other checkpoint, such as
 * a converted one, under the registry's. With `key`, just the tensors under that key are written, as float32 in a safetensors file.
 *
 * @throws {ReconlossError} `file` or `checkpoint` when it cannot be opened as a checkpoint, or has nothing under the key.
 * @example
 * ```ts
 * import { importWeights } from "reconloss/weights";
 *
 * const error = await importWeights("no-such-file.pth", "vgg16").catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function importWeights(
  file: string,
  name: string,
  options: CheckpointOptions & { env?: Environment } = {},
): Promise<ImportedWeights> {
  checkArguments("importWeights", { file: [file, "text"], name: [name, "text"], options: [options, "object?"] });
  const { env = process.env, key } = options;
  const entry = weightsEntry(name);
  if (isArchive(entry)) {
    if ((await fileSha256(file)) !== entry.sha256) {
      throw new ReconlossError("checkpoint", `${file}: the SHA-256 is not that of the published ${entry.file}`);
    }
    const path = join(weightsCache(env), entry.file);
    await copyFileAtomically(file, path);
    return { path, verified: true };
  }
  const checkpoint = await openCheckpoint(file, { key });
  try {
    if (key !== undefined) {
      const path = join(weightsCache(env), `${name}.safetensors`);
      await writeFileAtomically(path, safetensors(await floatingTensors(checkpoint)));
      return { path, verified: false };
    }
  } finally {
    await checkpoint.close();
  }
  const extension = checkpoint.format === "safetensors" ? ".safetensors" : ".pth";
  const verified = entry.sha256 !== undefined && (await fileSha256(file)) === entry.sha256;
  const path = join(weightsCache(env), verified ? entry.file : name + extension);
  await copyFileAtomically(file, path);
  return { path, verified };
}

/** The tensors of a checkpoint but its counters, which no network needs. */
async function floatingTensors(checkpoint: Checkpoint): Promise<StateDict> {
  const tensors: Record<string, WeightTensor> = {};
  for (const name of checkpoint.names.filter((name) => isFloatingType(checkpoint.dtype(name)))) {
    const { shape, data } = await checkpoint.read(name);
    tensors[name] = { shape, data: Float32Array.from(data as Float32Array) };
  }
  return tensors;
}

/** The trust in weights being what they claim. */
export type WeightsState =
  /** Upstream's bytes: the SHA-256 matches. */
  | "verified"
  /** A readable checkpoint under the registry's name, or one whose hash upstream does not publish. */
  | "readable"
  /** Not what it should be, or not readable at all. */
  | "damaged"
  | "missing";

/** The state of one registry entry on this machine. */
export interface WeightsCheck {
  readonly name: string;
  readonly state: WeightsState;
  readonly path?: string;
  /** The reason why the file cannot be used, where there is one. */
  readonly problem?: string;
}

/**
 * Checks weights on this machine to the last byte.
 *
 * @example
 * ```ts
 * import { checkWeights } from "reconloss/weights";
 *
 * (await checkWeights("vgg16", { env: { RECONLOSS_HOME: "/nowhere" } })).state; // "missing"
 * ```
 */
export async function checkWeights(name: string, options: WeightsOptions = {}): Promise<WeightsCheck> {
  checkArguments("checkWeights", { name: [name, "text"], options: [options, "object?"] });
  const entry = weightsEntry(name);
  try {
    const found = await findWeights(name, options);
    if (found === undefined) return { name, state: "missing" };
    const { path } = found;
    if (entry.sha256 !== undefined && (await fileSha256(path)) === entry.sha256)
      return { name, state: "verified", path };
    const isUpstreamName = basename(path) === basename(entry.file);
    if (isUpstreamName && entry.sha256 !== undefined) {
      return { name, state: "damaged", path, problem: `the SHA-256 is not that of the published ${entry.file}` };
    }
    const checkpoint = await openCheckpoint(path);
    await checkpoint.close();
    return { name, state: "readable", path };
  } catch (error) {
    if (!(error instanceof ReconlossError)) throw error;
    return { name, state: "damaged", problem: error.message };
  }
}
