import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { checkArguments, manifestName, type NetworkWeights, parseManifest, weightsOf } from "@reconloss/core/internal";
import {
  describeStateDict,
  type PackedFile,
  readStateDict,
  type StateDict,
  safetensors,
  type WeightsManifest,
  weightsEntry,
} from "@reconloss/core/weights";
import { copyFileAtomically, readFileBytes, reasonOf, writeFileAtomically } from "../files.ts";
import { withLock } from "../lock.ts";
import { fileSha256 } from "./download.ts";
import { resolveWeights, type WeightsOptions } from "./locate.ts";
import { openCheckpoint } from "./open.ts";

/** A file that was written for a site to host. */
export interface PackedWeights extends PackedFile {
  readonly name: string;
  readonly path: string;
  /** Tensors that the network could have and the published file has not, such as those of later layers. */
  readonly missing: readonly string[];
}

/** Options of {@link packWeights}. */
export interface PackOptions extends WeightsOptions {
  /** Numbers in half precision, which takes half the bytes; values of `lpips` and `perceptual` stay within 0.1 %. Default false. */
  half?: boolean;
}

/**
 * Writes the weights of a name into a folder that a site hosts, of the published file what losses need, and notes them in the folder's `weights.json`.
 * Files of other names in the folder stay. Files are written whole; a page that reads between the two sees a hash that does not fit, and no wrong numbers.
 *
 * @throws {ReconlossError} as `resolveWeights` and `readStateDict`; `range` for numbers beyond half precision; `file` where the folder cannot be
 * written; `checkpoint` where its `weights.json` is none
 * @example
 * ```ts
 * import { packWeights } from "reconloss/weights";
 *
 * const env = { RECONLOSS_HOME: "/nowhere", RECONLOSS_OFFLINE: "1" };
 * const error = await packWeights("lpips-alex", "public/weights", { env }).catch((caught) => caught);
 * error.code; // "missing-weights"
 * ```
 */
export async function packWeights(name: string, folder: string, options: PackOptions = {}): Promise<PackedWeights> {
  checkArguments("packWeights", { name: [name, "text"], folder: [folder, "text"], options: [options, "object?"] });
  const entry = weightsEntry(name);
  // What cannot be added to is known before anything is written.
  await readManifest(join(folder, manifestName));
  const from = await resolveWeights(name, options);
  const digest = await fileSha256(from);
  const source = { file: basename(from), sha256: digest, published: digest === entry.sha256 };
  const known = weightsOf(name);
  const dtype = known === undefined ? "float64" : options.half ? "float16" : "float32";
  // What is no network's is an archive of a few kilobytes, under the name by which a weights folder knows it.
  const file = known === undefined ? basename(entry.file) : `${name}.safetensors`;
  const path = join(folder, file);
  let missing: string[] = [];
  if (known === undefined) await copyFileAtomically(from, path);
  else {
    const tensors = await neededTensors(from, known, options);
    missing = Object.keys(known.tensors).filter((tensor) => !Object.hasOwn(tensors, tensor));
    const metadata = { source: source.file, sha256: digest };
    await writeFileAtomically(path, safetensors(tensors, metadata, { dtype: options.half ? "float16" : "float32" }));
  }
  const { size } = await stat(path);
  const packed: PackedFile = {
    file,
    bytes: size,
    sha256: await fileSha256(path),
    dtype,
    source,
    licence: entry.licence,
  };
  await note(folder, name, packed);
  return { name, path, ...packed, missing };
}

/** The tensors that losses need, those of later layers only where the file has them. */
async function neededTensors(from: string, known: NetworkWeights, options: PackOptions): Promise<StateDict> {
  const checkpoint = await openCheckpoint(from, options);
  try {
    const has = describeStateDict(checkpoint, known.tensors, { ignore: known.unused });
    const optional = new Set(Object.keys(known.tensors));
    const tensors = await readStateDict(checkpoint, known.tensors, { ignore: known.unused, optional });
    if (Object.keys(tensors).length > 0) return tensors;
    throw new ReconlossError("checkpoint", `${from}: ${has.join("; ")}`);
  } finally {
    await checkpoint.close();
  }
}

/** Writes a file's line into the folder's manifest. */
async function note(folder: string, name: string, packed: PackedFile): Promise<void> {
  const path = join(folder, manifestName);
  await withLock(`${path}.lock`, {}, async () => {
    const files = { ...(await readManifest(path)), [name]: packed };
    const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
    const manifest: WeightsManifest = { format: "reconloss-weights", version: 1, files: sorted };
    await writeFileAtomically(path, `${JSON.stringify(manifest, undefined, 2)}\n`);
  });
}

/** The contents of the folder so far. */
async function readManifest(path: string): Promise<WeightsManifest["files"]> {
  let bytes: Uint8Array;
  try {
    bytes = await readFileBytes(path, { most: 2 ** 20, error: (_, cause) => cause as Error });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new ReconlossError("file", `${path}: cannot be read (${reasonOf(cause)})`, { cause });
  }
  try {
    return parseManifest(path, new TextDecoder().decode(bytes)).files;
  } catch (cause) {
    throw new ReconlossError("checkpoint", `${reasonOf(cause)}; move it away, or write into another folder`, { cause });
  }
}
