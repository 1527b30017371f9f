import { stat } from "node:fs/promises";
import { join } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { checkArguments, counted, listNames } from "@reconloss/core/internal";
import { readFileBytes, reasonOf, systemPath } from "../files.ts";
import { listFolder } from "./listing.ts";
import { sameName, stemOf } from "./names.ts";
import type { ImagePair, PairOptions, Region, UnpairedImage } from "./pair.ts";

type Ignored = NonNullable<PairOptions["ignore"]>;

/** A pair, with the name that its target has in its folder. */
interface NamedPair {
  readonly pair: ImagePair;
  readonly targetName: string;
}

/** Whether rectangles are of all pairs, and not by name. */
const isForAll = (ignore: Ignored): ignore is readonly Region[] => Array.isArray(ignore);

function checkRegion(where: string, region: unknown): asserts region is Region {
  const isWhole =
    Array.isArray(region) &&
    region.length === 4 &&
    region.every((number) => Number.isSafeInteger(number) && number >= 0) &&
    region[2] > 0 &&
    region[3] > 0;
  if (isWhole) return;
  const expected = "must be x, y, width, height: whole numbers of at least 0, width and height at least 1";
  throw new ReconlossError("invalid-argument", `${where} ${expected}; got ${JSON.stringify(region)}`);
}

function checkRegionList(where: string, regions: unknown): void {
  if (!Array.isArray(regions)) {
    throw new ReconlossError("invalid-argument", `${where} must be a list of [x, y, width, height]`);
  }
  for (const region of regions) checkRegion(where, region);
}

/** @throws {ReconlossError} `invalid-argument` for what are no rectangles */
export function checkRegions(caller: string, ignore: unknown): void {
  if (ignore === undefined) return;
  if (Array.isArray(ignore)) {
    checkRegionList(`${caller}: ignore`, ignore);
    return;
  }
  if (typeof ignore !== "object" || ignore === null) {
    throw new ReconlossError("invalid-argument", `${caller}: ignore must be a list of rectangles, or lists by name`);
  }
  for (const [name, regions] of Object.entries(ignore)) checkRegionList(`${caller}: ignore of ${name}`, regions);
}

/** The most bytes of a file of rectangles. */
const largestRegionFile = 2 ** 28;

/**
 * Rectangles by image in a JSON file: `{ "baby.png": [[0, 0, 64, 16]] }`, or a list of some for all images.
 *
 * @throws {ReconlossError} `file` when it cannot be read; `invalid-argument` when it is not JSON or has other things in it
 */
export async function readRegions(path: string): Promise<Ignored> {
  checkArguments("readRegions", { path: [path, "text"] });
  const text = new TextDecoder().decode(await readFileBytes(path, { most: largestRegionFile }));
  let read: unknown;
  try {
    read = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (cause) {
    throw new ReconlossError("invalid-argument", `${path} is not JSON: ${reasonOf(cause)}`, { cause });
  }
  checkRegions(path, read);
  return read as Ignored;
}

/** Things by the name of target or output, sought in this order: the target's name, the output's, the same without extensions. */
class ByName<T> {
  readonly #things = new Map<string, { readonly name: string; readonly thing: T }[]>();
  readonly #used = new Set<string>();
  readonly #names: readonly string[];

  constructor(entries: readonly (readonly [name: string, thing: T])[]) {
    this.#names = entries.map(([name]) => name);
    for (const [name, thing] of entries) {
      for (const key of new Set([`=${sameName(name)}`, stemOf(sameName(name))])) {
        this.#things.set(key, [...(this.#things.get(key) ?? []), { name, thing }]);
      }
    }
  }

  /** The things for a pair, all of them where there is more than one. */
  of({ pair, targetName }: NamedPair): readonly { readonly name: string; readonly thing: T }[] {
    const names = [targetName, pair.name].map(sameName);
    const keys = [...names.map((name) => `=${name}`), ...names.map(stemOf)];
    const found = keys.map((key) => this.#things.get(key)).find((things) => things !== undefined) ?? [];
    for (const { name } of found) this.#used.add(name);
    return found;
  }

  /** Names that no pair had. */
  get unused(): string[] {
    return this.#names.filter((name) => !this.#used.has(name));
  }
}

/** The mask of each pair, or why it has none. */
async function maskFinder(masks: string): Promise<(pair: NamedPair) => { mask: string } | { problem: string }> {
  const status = await stat(systemPath(masks)).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "ENOENT" ? "does not exist" : `cannot be read: ${reasonOf(cause)}`;
    throw new ReconlossError("file", `masks ${masks} ${reason}`, { cause });
  });
  if (!status.isDirectory()) return () => ({ mask: masks });
  const { images } = await listFolder(masks);
  if (images.length === 0) throw new ReconlossError("file", `masks folder ${masks} contains no image`);
  const byName = new ByName(images.map((name) => [name, join(masks, name)] as const));
  return (pair) => {
    const found = byName.of(pair);
    if (found.length === 1) return { mask: found[0].thing };
    const names = listNames(found.map(({ name }) => name));
    return { problem: found.length === 0 ? `${masks} has no mask of this name` : `ambiguous: it has masks ${names}` };
  };
}

/**
 * Pairs with what of them counts, as the options say. A pair that should have a mask and has none is not compared.
 *
 * @throws {ReconlossError} `file` for masks that cannot be listed; `invalid-argument` for rectangles of a name that no pair has
 */
export async function addRegions(
  named: readonly NamedPair[],
  { masks, ignore }: Pick<PairOptions, "masks" | "ignore">,
): Promise<{ pairs: ImagePair[]; unpaired: UnpairedImage[] }> {
  const maskOf = masks === undefined ? undefined : await maskFinder(masks);
  const byName = ignore === undefined || isForAll(ignore) ? undefined : new ByName(Object.entries(ignore));
  const pairs: ImagePair[] = [];
  const unpaired: UnpairedImage[] = [];
  for (const each of named) {
    const found = maskOf?.(each);
    const regions = byName?.of(each);
    if (found !== undefined && "problem" in found) {
      const { output: path, group } = each.pair;
      unpaired.push({ path, side: "output", reason: found.problem, ...(group === undefined ? {} : { group }) });
      continue;
    }
    const own =
      regions === undefined ? (ignore as readonly Region[] | undefined) : regions.flatMap(({ thing }) => thing);
    pairs.push({
      ...each.pair,
      ...(found === undefined ? {} : { mask: found.mask }),
      ...(own === undefined || own.length === 0 ? {} : { ignore: own }),
    });
  }
  const unused = byName?.unused ?? [];
  if (unused.length > 0) {
    const what = counted(unused.length, "a name that no pair has", "names that no pair has");
    throw new ReconlossError("invalid-argument", `ignore has ${what.replace(/^1 /, "")}: ${listNames(unused)}`);
  }
  return { pairs, unpaired };
}
