import { createHash } from "node:crypto";
import { join } from "node:path";
import { loadRuntime, ReconlossError } from "@reconloss/core";
import packageFile from "../../package.json" with { type: "json" };
import { readFileBytes, writeFileAtomically } from "../files.ts";
import { defaultLimitPixels, limitPixelsTo } from "../image/limit.ts";
import { checkPlace } from "./place.ts";
import type { ShardRange } from "./ranges.ts";

/** A range, and what is to be found there. */
export interface PlannedRange extends ShardRange {
  /** SHA-256 of the names and sizes of its items. */
  readonly listing: string;
}

/** The settings that change numbers whatever is computed: the versions of the code, and what a machine would otherwise decide for itself. */
export interface Conditions {
  readonly reconloss: string;
  readonly runtime: string;
  /** The most pixels of an image; by default it depends on the memory. */
  readonly limitPixels: number;
}

/** A plan: what is computed, and which shard computes what. Its parts, wherever they are computed, belong to it by its hash. */
export interface Manifest {
  readonly format: string;
  /** The kind of work; its settings are for that kind to read. */
  readonly kind: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly conditions: Conditions;
  /** The address of the parts, where they are not in the folder. */
  readonly parts?: string;
  readonly shards: readonly (readonly PlannedRange[])[];
  /** SHA-256 of all of the above. */
  readonly hash: string;
}

const format = "reconloss shards 1";

/** The path of the manifest of a work folder. */
export const manifestPath = (folder: string) => join(folder, "manifest.json");

/** The conditions of this process. */
export async function conditionsHere(): Promise<Conditions> {
  const { name, version } = await loadRuntime();
  return { reconloss: packageFile.version, runtime: `${name} ${version}`, limitPixels: defaultLimitPixels() };
}

function hashOf(manifest: Omit<Manifest, "hash">): string {
  return createHash("sha256").update(JSON.stringify(manifest)).digest("hex");
}

/**
 * Writes the manifest of a plan.
 *
 * @throws {ReconlossError} `invalid-argument` where the folder holds another plan, whose parts would be lost; `file`
 */
export async function writeManifest(
  folder: string,
  plan: Pick<Manifest, "kind" | "settings" | "shards" | "parts">,
): Promise<Manifest> {
  const conditions = await conditionsHere();
  // Through JSON once, so that what is hashed is what will be read.
  const { kind, settings, shards } = JSON.parse(JSON.stringify(plan)) as typeof plan;
  const parts = plan.parts === undefined ? {} : { parts: checkPlace(plan.parts) };
  const body = { format, kind, settings, conditions, ...parts, shards };
  const manifest: Manifest = { ...body, hash: hashOf(body) };
  const before = await readManifest(folder).catch((error) => {
    if (error instanceof ReconlossError && isAbsent(error)) return undefined;
    throw error;
  });
  if (before !== undefined && before.hash !== manifest.hash) {
    throw new ReconlossError(
      "invalid-argument",
      `${folder} holds another plan; choose another folder, or delete it with its parts`,
    );
  }
  if (before === undefined) await writeFileAtomically(manifestPath(folder), JSON.stringify(manifest, undefined, 1));
  return manifest;
}

const isAbsent = ({ cause }: Error) => (cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT";

/**
 * Reads the manifest of a work folder.
 *
 * @throws {ReconlossError} `file` where there is none; `content` where it is damaged or was edited
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = manifestPath(folder);
  const bytes = await readFileBytes(path, {
    error: (reason, cause) =>
      new ReconlossError("file", `${folder} is not a folder of a plan: ${path}: ${reason}`, { cause }),
  });
  const damaged = (problem: string) => new ReconlossError("content", `${path} ${problem}; plan again`);
  let read: unknown;
  try {
    read = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw damaged("is damaged: it is not JSON");
  }
  const { hash, ...body } = (read ?? {}) as Manifest;
  if (body.format !== format) throw damaged(`is not a manifest of this version, which writes "${format}"`);
  if (hash !== hashOf(body)) throw damaged("was edited or damaged: its hash does not match its content");
  return { ...body, hash };
}

/**
 * Makes the conditions of this process those of the plan, and refuses where that cannot be: the numbers would not be the same.
 *
 * @throws {ReconlossError} `missing-dependency`: another machine, or this one with other versions, may do
 */
export async function adoptConditions({ conditions }: Manifest): Promise<void> {
  const here = await conditionsHere();
  for (const name of ["reconloss", "runtime"] as const) {
    if (here[name] === conditions[name]) continue;
    const problem = `planned with ${name} ${conditions[name]}, but here is ${here[name]}: values may differ`;
    throw new ReconlossError("missing-dependency", problem);
  }
  limitPixelsTo(conditions.limitPixels);
}
