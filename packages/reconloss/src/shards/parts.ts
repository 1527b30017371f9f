import { ReconlossError } from "@reconloss/core";
import { listNames } from "@reconloss/core/internal";
import { inOrder } from "../distribution/extract.ts";
import { exitCodeOf, exitCodes } from "../exit-codes.ts";
import { FolderStore } from "./folder-store.ts";
import { kindOf } from "./kinds.ts";
import type { Manifest } from "./manifest.ts";
import type { Part, PartHeader } from "./part.ts";
import { checkHeader, type PartStore } from "./store.ts";
import { WebStore } from "./web-store.ts";

/** Parts that are looked at the same time. */
const looksAtOnce = 16;
/** Parts that are fetched at the same time, or of which every byte is looked at. */
const fetchesAtOnce = 4;
const problemsShown = 20;

/** The state of the folder of parts. */
export interface FoundParts {
  /** The shards whose parts are there. */
  readonly done: readonly number[];
  /** Those whose parts are not, or are damaged. */
  readonly missing: readonly number[];
  /** The problems, file by file: no part, one of another plan, damaged, or a second one of the same shard. */
  readonly problems: readonly string[];
}

/** The parts of a plan, to be looked at again and again: one that was found is not read again while it is there. */
export class PlanParts {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly store: PartStore;
  readonly #known = new Set<number>();

  constructor(folder: string, manifest: Manifest) {
    this.folder = folder;
    this.manifest = manifest;
    const { extension } = kindOf(manifest);
    this.store = manifest.parts
      ? new WebStore(manifest.parts, folder, manifest, extension)
      : new FolderStore(folder, manifest, extension);
  }

  /**
   * Looks which parts are there.
   *
   * @param options.whole - also whether every byte is what was written
   * @param options.among - where the place gives no list: which shards are worth asking for; default: all
   * @throws {ReconlossError} `file` or `download` where the place of the parts cannot be read
   */
  async look({ whole = false, among }: { whole?: boolean; among?: Iterable<number> } = {}): Promise<FoundParts> {
    const { shards } = this.manifest;
    const { shards: listed, unexpectedNames } = await this.store.names();
    const problems = [...unexpectedNames];
    if (listed !== undefined) {
      const there = new Set(listed);
      for (const shard of this.#known) if (!there.has(shard)) this.#known.delete(shard);
    }
    if (whole) this.#known.clear();
    const asked = [...(listed ?? among ?? shards.keys())].filter((shard) => !this.#known.has(shard));
    const looks = inOrder(asked.length, whole ? fetchesAtOnce : looksAtOnce, (i) => this.#problemOf(asked[i], whole));
    let i = 0;
    for await (const problem of looks) {
      const shard = asked[i++];
      if (problem === undefined) this.#known.add(shard);
      else if (problem !== absent) problems.push(problem);
    }
    const [done, missing]: [number[], number[]] = [[], []];
    for (const shard of shards.keys()) (this.#known.has(shard) ? done : missing).push(shard);
    return { done, missing, problems };
  }

  /** Whether the part of a shard is there, every byte of it. */
  async has(shard: number): Promise<boolean> {
    return (await this.#problemOf(shard, true)) === undefined;
  }

  /**
   * All parts in their order, as files of this machine.
   *
   * @throws {ReconlossError} `content`, naming each file or shard, where a part is missing, damaged, doubled or of another plan
   */
  async all(): Promise<Part[]> {
    // Those that are missing are told before any is fetched.
    const seen = await this.look();
    this.#refuse(seen.problems, seen.missing);
    const problems: string[] = [];
    const missing: number[] = [];
    const parts: Part[] = [];
    const count = this.manifest.shards.length;
    let shard = 0;
    for await (const found of inOrder(count, fetchesAtOnce, (each) => this.#fetch(each))) {
      if (typeof found === "string") problems.push(found);
      if (found === undefined || typeof found === "string") missing.push(shard);
      else parts.push(found);
      shard++;
    }
    this.#refuse(problems, missing);
    return parts;
  }

  #refuse(problems: readonly string[], missing: readonly number[]): void {
    const shards = missing.length === 1 ? "shard" : "shards";
    const all = [
      ...problems,
      ...(missing.length > 0 ? [`no part of ${shards} ${listNames(missing.map(String))}`] : []),
    ];
    if (all.length === 0) return;
    const shown = all.slice(0, problemsShown).join("; ");
    throw new ReconlossError("content", `${this.folder} cannot be merged: ${shown}`);
  }

  close(): Promise<void> {
    return this.store.close();
  }

  /** The problem with the part of a shard; nothing where it is there, {@link absent} where it is not. */
  async #problemOf(shard: number, whole: boolean): Promise<string | undefined> {
    const found = await this.#checked(
      shard,
      () => this.store.look(shard, whole),
      (header) => header,
    );
    return found === undefined ? absent : typeof found === "string" ? found : undefined;
  }

  #fetch(shard: number): Promise<Part | string | undefined> {
    // A full disk, or one that gives no file, is no fault of the part.
    const isOfMachine = (error: ReconlossError) => exitCodeOf(error) === exitCodes.machine;
    return this.#checked(
      shard,
      () => this.store.fetch(shard),
      ({ header }) => header,
      isOfMachine,
    );
  }

  /** A part that is the right one, what is wrong with it, or undefined where there is none. */
  async #checked<T>(
    shard: number,
    read: () => Promise<T | undefined>,
    headerOf: (found: T) => PartHeader,
    throws: (error: ReconlossError) => boolean = () => false,
  ): Promise<T | string | undefined> {
    try {
      const found = await read();
      if (found !== undefined) checkHeader(headerOf(found), this.manifest, shard, this.store.nameOf(shard));
      return found;
    } catch (error) {
      // A server that cannot be reached says nothing of the part.
      if (!(error instanceof ReconlossError) || error.code === "download" || throws(error)) throw error;
      return error.message;
    }
  }
}

const absent = "";
