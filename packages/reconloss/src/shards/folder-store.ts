import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { reasonOf } from "../files.ts";
import type { Manifest } from "./manifest.ts";
import { type Part, type PartHeader, readPart, type WriteContent, writePart } from "./part.ts";
import { type PartStore, partName, type StoredNames } from "./store.ts";

/** Parts in the folder of the work. */
export class FolderStore implements PartStore {
  readonly #place: string;
  readonly #manifest: Manifest;
  readonly #extension: string;

  constructor(folder: string, manifest: Manifest, extension: string) {
    this.#place = join(folder, "parts");
    this.#manifest = manifest;
    this.#extension = extension;
  }

  nameOf(shard: number): string {
    return join(this.#place, partName(shard, this.#extension));
  }

  /** Of all files there; hidden ones, which are being written, are ignored. */
  async names(): Promise<StoredNames> {
    const names = await readdir(this.#place).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT") return [];
      throw new ReconlossError("file", `cannot read ${this.#place}: ${reasonOf(cause)}`, { cause });
    });
    const shards: number[] = [];
    const unexpectedNames: string[] = [];
    for (const name of names.filter((each) => !each.startsWith(".")).sort()) {
      const shard = Number(name.slice(0, -this.#extension.length));
      const isNamed = shard < this.#manifest.shards.length && partName(shard, this.#extension) === name;
      if (isNamed) shards.push(shard);
      else unexpectedNames.push(await this.#strangerIn(join(this.#place, name)));
    }
    return { shards, unexpectedNames };
  }

  async look(shard: number, whole: boolean): Promise<PartHeader | undefined> {
    return (await this.#read(shard, whole))?.header;
  }

  async fetch(shard: number): Promise<Part | undefined> {
    return this.#read(shard, true);
  }

  async write(header: Omit<PartHeader, "format">, content: (append: WriteContent) => Promise<void>): Promise<void> {
    await writePart(this.nameOf(header.shard), header, content);
  }

  async close(): Promise<void> {}

  #read(shard: number, whole: boolean): Promise<Part | undefined> {
    return readPart(this.nameOf(shard), { whole }).catch((error) => {
      if ((error.cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT") return undefined;
      throw error;
    });
  }

  /** Describes a file that has not the name of a part. */
  async #strangerIn(path: string): Promise<string> {
    try {
      const { work, shard } = (await readPart(path)).header;
      const { hash, shards } = this.#manifest;
      if (work !== hash) return `${path} is a part of another plan`;
      if (shard >= shards.length) return `${path} is for shard ${shard}, which does not exist`;
      return `${path} is a second part of shard ${shard}`;
    } catch (error) {
      if (!(error instanceof ReconlossError)) throw error;
      return error.message;
    }
  }
}
