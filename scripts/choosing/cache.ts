import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../../packages/reconloss/src/files.ts";

/** The text for the PSNR of equal images, infinity, for which JSON has no number. */
const infinity = "Infinity";

/** A value as JSON. */
export function stringify(value: unknown): string {
  const text = JSON.stringify(value, (_, value) => (value === Number.POSITIVE_INFINITY ? infinity : value), 1);
  return `${text}\n`;
}

/** For `JSON.parse` of such text. */
export function reviveInfinity(_: string, value: unknown): unknown {
  return value === infinity ? Number.POSITIVE_INFINITY : value;
}

/** A folder for what was computed under these settings, and for the result once there is one. */
export class CacheEntry<Result> {
  readonly folder: string;

  /** @param settings - everything that the result follows from */
  constructor(cache: string, name: string, settings: unknown) {
    const key = createHash("sha256").update(JSON.stringify(settings)).digest("hex").slice(0, 12);
    this.folder = join(cache, `${name}-${key}`);
  }

  async read(): Promise<Result | undefined> {
    const text = await readFile(this.#path, "utf8").catch(() => undefined);
    return text === undefined ? undefined : JSON.parse(text, reviveInfinity);
  }

  async write(result: Result): Promise<void> {
    await writeFileAtomically(this.#path, stringify(result));
  }

  get #path(): string {
    return join(this.folder, "result.json");
  }
}
