import { ReconlossError } from "../errors.ts";

/** One file of a folder of packed weights. */
export interface PackedFile {
  /** The file's name in the folder. */
  readonly file: string;
  /** Its size. */
  readonly bytes: number;
  /** Its SHA-256 in hexadecimal digits. */
  readonly sha256: string;
  /** The type of its numbers. */
  readonly dtype: "float32" | "float16" | "float64";
  /** The published file that it was made from. */
  readonly source: {
    readonly file: string;
    readonly sha256: string;
    /** Whether these are the bytes that the registry knows. */
    readonly published: boolean;
  };
  readonly licence: string;
}

/** The contents of a folder of packed weights, by the registry's names: the content of its `weights.json`. */
export interface WeightsManifest {
  readonly format: "reconloss-weights";
  readonly version: 1;
  readonly files: Readonly<Record<string, PackedFile>>;
}

/** The file in a folder of packed weights that says what the folder has. */
export const manifestName = "weights.json";

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function isPackedFile(value: unknown): value is PackedFile {
  if (!isRecord(value)) return false;
  const { file, bytes, sha256 } = value;
  // A plain name: nothing outside the folder is ever asked for.
  const isName = typeof file === "string" && /^[\w-][\w.-]*$/.test(file);
  return isName && Number.isSafeInteger(bytes) && Number(bytes) > 0 && /^[0-9a-f]{64}$/.test(String(sha256));
}

/**
 * A manifest as it is in a file.
 *
 * @param where - the file, for messages
 * @throws {ReconlossError} `checkpoint` for anything else
 */
export function parseManifest(where: string, text: string): WeightsManifest {
  const refuse = (problem: string, cause?: unknown) =>
    new ReconlossError("checkpoint", `${where}: ${problem}`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refuse("is not JSON", cause);
  }
  if (!isRecord(value) || value.format !== "reconloss-weights" || !isRecord(value.files)) {
    throw refuse("is not a manifest of packed weights");
  }
  if (value.version !== 1) throw refuse(`is of version ${String(value.version)}, and this release reads version 1`);
  const bad = Object.entries(value.files).find(([, file]) => !isPackedFile(file));
  if (bad) throw refuse(`does not say file, bytes and sha256 of ${bad[0]}`);
  return value as unknown as WeightsManifest;
}
