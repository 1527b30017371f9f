import { type Loss, ReconlossError } from "@reconloss/core";
import { counted } from "@reconloss/core/internal";
import type { Outcome } from "../compare/index.ts";
import { type FailedMap, type MapFile, writeMapScales, writeMaps } from "../report/index.ts";

/** Error maps that are written as pairs come, of one method. */
export class MapsFolder {
  readonly #folder: string;
  readonly #losses: readonly Loss[];
  readonly #files: MapFile[] = [];
  readonly #lost: FailedMap[] = [];

  constructor(folder: string, losses: readonly Loss[]) {
    this.#folder = folder;
    this.#losses = losses;
  }

  async add({ result, maps }: Outcome): Promise<void> {
    if (result === undefined) return;
    const { files, lost } = await writeMaps(this.#folder, result.name, this.#losses, maps);
    this.#files.push(...files);
    this.#lost.push(...lost);
  }

  /** The maps that could not be written, in one error. */
  get lost(): ReconlossError[] {
    return this.#lost.slice(0, 1).map(({ error }) => {
      const missing = counted(this.#lost.length, "error map is", "error maps are");
      return new ReconlossError("file", `${missing} missing: ${error.message}`, { cause: error.cause });
    });
  }

  /** The last file: what the colours stand for. */
  writeScales(): Promise<void> {
    return writeMapScales(this.#folder, this.#files);
  }
}
