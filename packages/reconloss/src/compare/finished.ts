import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { type Loss, ReconlossError } from "@reconloss/core";
import { parseLoss } from "@reconloss/core/internal";
import { makeFolder, readFileBytes, reasonOf } from "../files.ts";
import type { ImagePair } from "../image/index.ts";
import { largestFile } from "../image/read.ts";
import { fileSha256 } from "../weights/download.ts";
import { weightsCache } from "../weights/folders.ts";
import { resolveWeights } from "../weights/locate.ts";
import type { CompareOptions, KeptOutcomes } from "./compare-options.ts";
import type { FileContents } from "./file-contents.ts";
import { lineOf, outcomeOf } from "./line.ts";
import { programVersion } from "./program-version.ts";
import type { Note, Outcome, PairResult } from "./types.ts";

const extension = ".pairs";

/** The folder of finished pairs unless another is named. */
export const finishedFolder = () => join(dirname(weightsCache()), "pairs");

/**
 * Lines of text on disk by a key. Every run appends to a file of its own and reads those of all others; each line has a checksum, so that one that a killed run left unfinished is
 * ignored, and runs side by side do not disturb each other.
 */
class LineStore {
  readonly #folder: string;
  readonly #lines = new Map<string, string>();
  #file?: Promise<FileHandle>;
  #last: Promise<void> = Promise.resolve();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(folder: string): Promise<LineStore> {
    const store = new LineStore(folder);
    const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT") return [];
      throw store.#error("read", cause);
    });
    for (const name of names.sort()) {
      if (!name.endsWith(extension)) continue;
      const text = Buffer.from(await readFileBytes(join(folder, name))).toString("utf8");
      for (const line of text.split("\n")) {
        const [checksum, key] = line.split(" ", 2);
        const rest = line.slice(checksum.length + 1);
        if (key === undefined || checksum !== crc32(rest).toString(16)) continue;
        store.#lines.set(key, rest.slice(key.length + 1));
      }
    }
    return store;
  }

  find(key: string): string | undefined {
    return this.#lines.get(key);
  }

  /** Appends a line, after those before. */
  add(key: string, line: string): Promise<void> {
    this.#lines.set(key, line);
    const rest = `${key} ${line}`;
    this.#last = this.#last.then(async () => {
      try {
        this.#file ??= this.#create();
        await (await this.#file).appendFile(`${crc32(rest).toString(16)} ${rest}\n`);
      } catch (cause) {
        throw this.#error("write", cause);
      }
    });
    return this.#last;
  }

  async close(): Promise<void> {
    await this.#last.catch(() => {});
    await (await this.#file?.catch(() => undefined))?.close();
  }

  async #create(): Promise<FileHandle> {
    await makeFolder(this.#folder);
    return open(join(this.#folder, `${Date.now()}-${randomUUID()}${extension}`), "ax");
  }

  #error(verb: string, cause: unknown) {
    return new ReconlossError("file", `cannot ${verb} finished pairs in ${this.#folder}: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

/** The losses that were asked about: every pair asks about the same few. */
const published = new WeakMap<Loss, boolean>();

/** Whether a loss is one of this package with its published weights, if any: its specification and the program's version tell all of it. */
function isKnown(loss: Loss): boolean {
  let is = published.get(loss);
  if (is === undefined) {
    is = isPublished(loss);
    published.set(loss, is);
  }
  return is;
}

function isPublished({ spec, definition }: Loss): boolean {
  try {
    const same = parseLoss(spec);
    return same.spec === spec && String(same.definition?.weights) === String(definition?.weights);
  } catch {
    return false;
  }
}

/** The names of a loss's numbers: its label, and each statistic of its map that is asked for. */
function keysOf({ label }: Loss, { mapStatistics = [] }: CompareOptions): string[] {
  return [label, ...mapStatistics.flatMap((of) => (of.label === label ? [`${label}.${of.statistic}`] : []))];
}

type Numbers = Readonly<Record<string, number>>;

/** The numbers of these names that there are. */
const pick = (numbers: Numbers = {}, keys: readonly string[]): Record<string, number> =>
  Object.fromEntries(keys.flatMap((key) => (numbers[key] === undefined ? [] : [[key, numbers[key]]])));

/** The part of an outcome that is one loss's; undefined where it has no number. */
function partOf(loss: Loss, { result, failures, notes }: Outcome, options: CompareOptions): Outcome | undefined {
  const { label, needsTarget } = loss;
  if (result?.values[label] === undefined || failures.some((failure) => failure.loss === label)) return undefined;
  const { targetValues, scores, values, ...rest } = result;
  const part: PairResult = { ...rest, values: pick(values, keysOf(loss, options)), scores: pick(scores, [label]) };
  if (targetValues?.[label] !== undefined) part.targetValues = pick(targetValues, [label]);
  const isOwn = ({ loss, kind }: Note) =>
    loss === label || (loss === undefined && (needsTarget || kind !== "grey-as-colour"));
  return { result: part, failures: [], notes: notes.filter(isOwn), maps: {} };
}

/** The outcome of a pair from those of its losses, in their order. */
function joined(
  { name, output, target, group }: ImagePair,
  losses: readonly Loss[],
  parts: readonly Outcome[],
  options: CompareOptions,
): Outcome {
  const results = parts.flatMap(({ result }) => result ?? []);
  const keys = losses.flatMap((loss) => keysOf(loss, options));
  const merge = (of: (result: PairResult) => Numbers | undefined) =>
    pick(Object.assign({}, ...results.map((result) => of(result) ?? {})), keys);
  const targetValues = merge((result) => result.targetValues);
  const { group: _, ...first } = results[0];
  const result: PairResult = {
    ...first,
    ...{ name, output, target, ...(group === undefined ? {} : { group }) },
    values: merge((one) => one.values),
    scores: merge((one) => one.scores),
  };
  delete result.targetValues;
  if (Object.keys(targetValues).length > 0) result.targetValues = targetValues;
  const notes = parts.flatMap((part) => part.notes.map((note) => ({ ...note, name })));
  // Each part has those of the pair, and priors fewer: not that a grey image became colour for others.
  const ofPair = parts
    .map((part) => part.notes.filter(({ loss }) => loss === undefined))
    .reduce((most, some) => (some.length > most.length ? some : most))
    .map((note) => ({ ...note, name }));
  const ofLosses = losses.flatMap(({ label }) => notes.filter(({ loss }) => loss === label));
  const failures = losses.flatMap(({ label }) =>
    parts.flatMap((part) => part.failures.filter(({ loss }) => loss === label)),
  );
  const maps = Object.assign({}, ...parts.map((part) => part.maps));
  return { result, failures, notes: [...ofPair, ...ofLosses], maps };
}

/**
 * Numbers of pairs that were computed before, on disk, for {@link CompareOptions.finished}. They are found by the content of both files, the loss with its options, everything else
 * that changes a number, and the program's version. Losses of the user's own, or with weights of their own, are computed anew each time: what they compute is not known from their specification. Failures are not kept.
 */
export class FinishedPairs implements KeptOutcomes {
  readonly #folder: string;
  readonly #onLost: ((error: ReconlossError) => void) | undefined;
  readonly #stores = new Map<string, Promise<LineStore>>();
  #isLost = false;
  /** The number of pairs that needed no computing. */
  found = 0;

  /**
   * @param folder - which is made when the first pair is kept; default: `pairs` in reconloss's cache folder
   * @param onLost - told once where the folder cannot be read or written: nothing is kept from then on. Default: the comparison ends with the error
   */
  constructor(folder = finishedFolder(), onLost?: (error: ReconlossError) => void) {
    this.#folder = folder;
    this.#onLost = onLost;
  }

  /** The outcome of a pair: what is known of it from disk, the rest by `compute`, which is then kept. */
  async outcome(
    pair: ImagePair,
    losses: readonly Loss[],
    options: CompareOptions,
    compute: (missing: readonly Loss[], contents?: FileContents) => Promise<Outcome>,
  ): Promise<Outcome> {
    const contents = this.#isLost ? undefined : await contentsOf(pair);
    if (contents === undefined) return compute(losses);
    const key = keyOf(pair, contents);
    const stores = await Promise.all(
      losses.map((loss) => (isKnown(loss) ? this.#orLost(this.#storeOf(loss, options)) : undefined)),
    );
    // Maps are not kept.
    const lines = stores.map((store) => (options.maps ? undefined : store?.find(key)));
    const known = lines.flatMap((line) => (line === undefined ? [] : [outcomeOf(line)]));
    const missing = losses.filter((_, i) => lines[i] === undefined);
    if (missing.length === 0) {
      this.found++;
      return joined(pair, losses, known, options);
    }
    const fresh = await compute(missing, contents);
    if (fresh.result === undefined) return fresh;
    for (const [i, loss] of losses.entries()) {
      const part = lines[i] === undefined && stores[i] ? partOf(loss, fresh, options) : undefined;
      if (part !== undefined) await this.#orLost(stores[i]?.add(key, lineOf(part)));
    }
    return known.length === 0 ? fresh : joined(pair, losses, [...known, fresh], options);
  }

  async close(): Promise<void> {
    for (const store of this.#stores.values()) await (await store.catch(() => undefined))?.close();
  }

  /** Returns the result of a store's work; undefined where it fails, and that may be. */
  async #orLost<T>(work: Promise<T> | undefined): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (this.#onLost === undefined || !(error instanceof ReconlossError) || error.code !== "file") throw error;
      if (!this.#isLost) this.#onLost(error);
      this.#isLost = true;
      return undefined;
    }
  }

  /** The lines of a loss: whatever changes its numbers is in the name of the folder. */
  async #storeOf(loss: Loss, options: CompareOptions): Promise<LineStore> {
    const { label, spec, definition } = loss;
    // Without those that change no number; of some the loss's own part is named below.
    const { maps: _, optional, mapStatistics = [], onError: __, finished: ___, jobs: ____, ...others } = options;
    const settings = [
      await programVersion(),
      ...[label, spec, optional?.has(label) ?? false],
      mapStatistics.flatMap((one) => (one.label === label ? [one.statistic] : [])),
      await Promise.all((definition?.weights ?? []).map(weightsHash)),
      Object.entries(others)
        .filter(([, value]) => value !== undefined)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ];
    const name = createHash("sha256").update(JSON.stringify(settings)).digest("hex").slice(0, 32);
    let store = this.#stores.get(name);
    if (store === undefined) {
      store = LineStore.open(join(this.#folder, name));
      this.#stores.set(name, store);
    }
    return store;
  }
}

const hashes = new Map<string, Promise<string>>();

/** The content of the file that weights of this name are read from. */
function weightsHash(name: string): Promise<string> {
  let hash = hashes.get(name);
  if (hash === undefined) {
    hash = resolveWeights(name).then(fileSha256);
    hash.catch(() => hashes.delete(name));
    hashes.set(name, hash);
  }
  return hash;
}

/** The files of a pair, in the order of its key. */
const filesOf = ({ output, target, mask }: ImagePair) => [output, target, ...(mask === undefined ? [] : [mask])];

/** The content of the files of a pair; undefined where one cannot be read, or is too large for an image, which whoever compares them then says. */
async function contentsOf(pair: ImagePair): Promise<FileContents | undefined> {
  const most = largestFile();
  const read = async (path: string) => [path, await readFileBytes(path, { most })] as const;
  return Promise.all(filesOf(pair).map(read)).then(
    (contents) => new Map(contents),
    () => undefined,
  );
}

/** The key of a pair: a hash of its files' content and its other settings. */
function keyOf(pair: ImagePair, contents: FileContents): string {
  const { name: _, group: __, output: ___, target: ____, mask: _____, ...others } = pair;
  const hash = createHash("sha256");
  for (const path of filesOf(pair)) {
    hash.update(
      createHash("sha256")
        .update(contents.get(path) as Uint8Array)
        .digest(),
    );
  }
  return hash.update(JSON.stringify(others)).digest("hex");
}
