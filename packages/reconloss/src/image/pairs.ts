import { stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { checkArguments, listNames } from "@reconloss/core/internal";
import { reasonOf, systemPath } from "../files.ts";
import { knownExtensions } from "./formats.ts";
import { filesOfGlob, globMatcher, hasMagic, nameMatcher, splitGlob } from "./glob.ts";
import { groupsOf } from "./groups.ts";
import { describeIgnoredFiles, type IgnoredFiles, isImage, listFolder, naturally } from "./listing.ts";
import type { ImagePair, PairOptions, UnpairedImage } from "./pair.ts";
import { type NamedPair, pairNames, type Side, sides, type UnpairedName } from "./pair-names.ts";
import { type PairProposal, pairByPattern, proposePattern, readPattern } from "./pair-pattern.ts";
import { addRegions, checkRegions } from "./pair-regions.ts";

/** Two folders, matched; both lists in natural order. */
export interface Pairing {
  pairs: ImagePair[];
  unpaired: UnpairedImage[];
  /** The files that were ignored in either folder, counted; absent for two files. */
  ignoredFiles?: { output: IgnoredFiles; target: IgnoredFiles };
  /** A pattern by which most images would pair, where few do by the same names. */
  proposal?: PairProposal;
}

/** Images that one argument stands for. */
interface ImageSet {
  /** As errors call it. */
  readonly path: string;
  /** The folder that names are relative to. */
  readonly folder: string;
  images: string[];
  ignoredFiles: IgnoredFiles;
}

/** The names of kinds of images that are ignored. */
const [excluded, notInPattern] = ["excluded", "not in --pair"];

function ignore(set: ImageSet, kind: string, isPassed: (name: string) => boolean): void {
  const kept = set.images.filter((name) => !isPassed(name));
  const count = set.images.length - kept.length;
  set.images = kept;
  if (count > 0) set.ignoredFiles = { ...set.ignoredFiles, [kind]: (set.ignoredFiles[kind] ?? 0) + count };
}

/** The images of a folder, or of a glob. */
async function setOf(path: string): Promise<ImageSet> {
  if ((await kindOf(path)) !== undefined || !hasMagic(path)) return { path, folder: path, ...(await listFolder(path)) };
  const { folder, rest } = splitGlob(path);
  if (rest.includes("**")) {
    const listed = await listFolder(folder);
    return { path, folder, images: listed.images.filter(globMatcher(rest)), ignoredFiles: {} };
  }
  const images: string[] = [];
  const others = new Map<string, number>();
  for (const name of await filesOfGlob(folder, rest)) {
    const extension = extname(name).toLowerCase();
    if (knownExtensions.has(extension) || (await isImage(join(folder, name)))) images.push(name);
    else others.set(extension || "without extension", (others.get(extension || "without extension") ?? 0) + 1);
  }
  return { path, folder, images: images.sort(naturally), ignoredFiles: Object.fromEntries(others) };
}

/** The images of folders and globs, each listed once: the targets of several methods are the same. */
export class Listings {
  readonly #sets = new Map<string, Promise<ImageSet>>();

  async of(path: string): Promise<ImageSet> {
    let set = this.#sets.get(path);
    if (set === undefined) {
      set = setOf(path);
      this.#sets.set(path, set);
    }
    // Whoever pairs them passes over some, in a set of its own.
    return { ...(await set) };
  }
}

/** Passes over what is excluded of both sides; each must have an image. */
function checkSets(sets: Record<Side, ImageSet>, exclude: readonly string[]): void {
  const isExcluded = exclude.map(nameMatcher);
  for (const side of sides) {
    const set = sets[side];
    ignore(set, excluded, (name) => isExcluded.some((is) => is(name)));
    if (set.images.length > 0) continue;
    const others = describeIgnoredFiles(set.ignoredFiles);
    const what = set.path === set.folder ? `folder ${set.path} contains` : `${set.path} names`;
    throw new ReconlossError("file", `${side} ${what} no image${others ? `; ignored: ${others}` : ""}`);
  }
}

interface NamedPairing {
  readonly pairs: readonly NamedPair[];
  readonly unpaired: readonly UnpairedName[];
  readonly proposal?: PairProposal;
}

/** By their names; where images are left on both sides, with a pattern by which more would pair. */
function pairByName({
  output: { images: outputs },
  target: { images: targets },
}: Record<Side, ImageSet>): NamedPairing {
  const { pairs, unpaired } = pairNames({ output: outputs, target: targets });
  const isLeft = (side: Side) => unpaired.some((each) => each.side === side);
  const proposal =
    isLeft("output") && isLeft("target") ? proposePattern(outputs, targets, pairs.length + 1) : undefined;
  return { pairs, unpaired, ...(proposal === undefined ? {} : { proposal }) };
}

/** No output of a folder fits the patterns of names. */
export class NoOutputFits extends ReconlossError {}

/** A pattern, or several. */
const patternsOf = (pair: NonNullable<PairOptions["pair"]>) => [pair].flat() as string[];

/** As a pattern says, the one by which most outputs pair; what it does not ask for is ignored. */
function pairAs(texts: readonly string[], sets: Record<Side, ImageSet>): NamedPairing {
  const tried = texts.map((text) => {
    const pattern = readPattern(text);
    return { pattern, ...pairByPattern(pattern, sets.output.images, sets.target.images) };
  });
  const best = tried.reduce((a, b) => (b.pairs.length > a.pairs.length ? b : a));
  const { pairs, unpaired, unmatched } = best;
  for (const side of sides) {
    const { images } = sets[side];
    if (unmatched[side].length === images.length) {
      const wanted = listNames(tried.map((each) => `"${each.pattern[side].text}"`));
      const all = `none of ${images.length} ${side}s fits ${wanted}; the first is ${images[0]}`;
      const Refusal = side === "output" ? NoOutputFits : ReconlossError;
      throw new Refusal("invalid-argument", `pair: ${all}`);
    }
    const isUnmatched = new Set(unmatched[side]);
    ignore(sets[side], notInPattern, (name) => isUnmatched.has(name));
  }
  return { pairs, unpaired };
}

async function pairSets(sets: Record<Side, ImageSet>, options: PairOptions): Promise<Pairing> {
  const { pair, exclude = [] } = options;
  checkSets(sets, exclude);
  const { pairs: named, unpaired, proposal } = pair === undefined ? pairByName(sets) : pairAs(patternsOf(pair), sets);
  const targets = sets.target.images;
  const groups = new Map(groupsOf(targets).map((group, i) => [targets[i], group === undefined ? {} : { group }]));
  const pairs = named.map(({ output, target }) => ({
    targetName: target,
    pair: {
      name: output,
      output: join(sets.output.folder, output),
      target: join(sets.target.folder, target),
      ...groups.get(target),
    },
  }));
  const withRegions = await addRegions(
    pairs.sort((a, b) => naturally(a.pair.name, b.pair.name)),
    options,
  );
  return {
    pairs: withRegions.pairs,
    unpaired: [
      ...unpaired.map(({ side, name, reason }) => ({
        ...{ path: join(sets[side].folder, name), side, reason },
        ...(side === "target" ? groups.get(name) : undefined),
      })),
      ...withRegions.unpaired,
    ],
    ignoredFiles: { output: sets.output.ignoredFiles, target: sets.target.ignoredFiles },
    ...(proposal === undefined ? {} : { proposal }),
  };
}

/** Refuses options of pairing that make no sense. */
export function checkPairOptions(caller: string, options: PairOptions): void {
  checkArguments(caller, { options: [options, "object"] });
  const { pair, exclude, masks } = options;
  checkArguments(caller, { exclude: [exclude, "texts?"], masks: [masks, "text?"] });
  if (Array.isArray(pair)) checkArguments(caller, { pair: [pair, "texts"] });
  else checkArguments(caller, { pair: [pair, "text?"] });
  if (pair !== undefined) {
    if (pair.length === 0) throw new ReconlossError("invalid-argument", `${caller}: pair must not be empty`);
    for (const pattern of patternsOf(pair)) readPattern(pattern);
  }
  checkRegions(caller, options.ignore);
}

/**
 * Match the images of two folders, searched with their subfolders: first by the same relative name, then, among what is left, by the same
 * relative name without extension (`a.png` with `a.jpg`); or by a pattern. Where more than one partner is possible none is chosen, and each image
 * is reported. Composed and decomposed Unicode names are the same name. Where few pair by their names, `proposal` has a pattern by which more would.
 *
 * @param outputs - a folder, or a glob: `runs/*\/best.png`
 * @param targets - the same
 * @throws {ReconlossError} `file` when a folder cannot be read or contains no image; `invalid-argument` for a pattern that makes no sense or that nothing fits
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { pairFolders, writeImage } from "reconloss/image";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * const [outputs, targets] = [join(folder, "outputs"), join(folder, "targets")];
 * await writeImage(join(outputs, "a_x2.jpg"), Tensor.full([1, 1, 8, 8], 0));
 * await writeImage(join(targets, "a.png"), Tensor.full([1, 1, 8, 8], 0));
 * const { proposal } = await pairFolders(outputs, targets);
 * proposal?.pair; // "{name}_x2.jpg={name}.png"
 * const { pairs, unpaired } = await pairFolders(outputs, targets, { pair: proposal?.pair });
 * pairs.map(({ name }) => name); // ["a_x2.jpg"]
 * ```
 */
export async function pairFolders(outputs: string, targets: string, options: PairOptions = {}): Promise<Pairing> {
  checkArguments("pairFolders", { outputs: [outputs, "text"], targets: [targets, "text"] });
  checkPairOptions("pairFolders", options);
  return pairListed(new Listings(), outputs, targets, options);
}

/** {@link pairFolders} of sets that were listed before. */
async function pairListed(
  listings: Listings,
  outputs: string,
  targets: string,
  options: PairOptions,
): Promise<Pairing> {
  return pairSets({ output: await listings.of(outputs), target: await listings.of(targets) }, options);
}

/**
 * Pair two files, whatever their names; many outputs with one target; or two folders as `pairFolders` does.
 *
 * @param output - an image, a folder, or a glob
 * @param target - the same; one image is the target of all outputs
 * @throws {ReconlossError} `file` when a path does not exist, an output is a file and the target a folder, or as `pairFolders`; `invalid-argument` for a pattern, or what is
 *   excluded, where names do not matter
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { pairPaths, writeImage } from "reconloss/image";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * for (const name of ["before.png", "after.png"]) await writeImage(join(folder, name), Tensor.full([1, 1, 8, 8], 0));
 * const { pairs } = await pairPaths(join(folder, "before.png"), join(folder, "after.png"));
 * ```
 */
export async function pairPaths(output: string, target: string, options: PairOptions = {}): Promise<Pairing> {
  checkArguments("pairPaths", { output: [output, "text"], target: [target, "text"] });
  checkPairOptions("pairPaths", options);
  return pairPathsOf(new Listings(), output, target, options);
}

/** {@link pairPaths} of sets that were listed before. */
export async function pairPathsOf(
  listings: Listings,
  output: string,
  target: string,
  options: PairOptions,
): Promise<Pairing> {
  const kinds = { output: await neededKind("output", output), target: await neededKind("target", target) };
  if (kinds.output === "folder" && kinds.target === "folder") {
    return pairListed(listings, output, target, options);
  }
  if (kinds.output === "file" && kinds.target === "folder") {
    throw new ReconlossError(
      "file",
      `two files or two folders are needed, but output ${output} is a file and target ${target} a folder`,
    );
  }
  const conflicting = (["pair", "exclude"] as const).find((name) => options[name] !== undefined);
  if (conflicting === "pair" || (conflicting !== undefined && kinds.output === "file")) {
    const what = kinds.output === "file" ? "two files" : "one target for all outputs";
    throw new ReconlossError(
      "invalid-argument",
      `${conflicting} applies only to names in folders, but there are ${what}`,
    );
  }
  const targetName = basename(target);
  if (kinds.output === "file") {
    return addRegions([{ targetName, pair: { name: basename(output), output, target } }], options);
  }
  const outputs = await listings.of(output);
  const own: ImageSet = { path: target, folder: target, images: [targetName], ignoredFiles: {} };
  checkSets({ output: outputs, target: own }, options.exclude ?? []);
  const pairs = outputs.images.map((name) => ({
    targetName,
    pair: { name, output: join(outputs.folder, name), target },
  }));
  return { ...(await addRegions(pairs, options)), ignoredFiles: { output: outputs.ignoredFiles, target: {} } };
}

/** The kind of what a path leads to; undefined where it leads nowhere. */
async function kindOf(path: string): Promise<"file" | "folder" | undefined> {
  const status = await stat(systemPath(path)).catch((cause: NodeJS.ErrnoException) => {
    if (["ENOENT", "ENOTDIR"].includes(cause.code ?? "")) return undefined;
    throw cause;
  });
  if (status === undefined) return undefined;
  return status.isDirectory() ? "folder" : "file";
}

/** The same of an argument: a glob counts as a folder. */
async function neededKind(side: Side, path: string): Promise<"file" | "folder"> {
  const kind = await kindOf(path).catch((cause) => {
    throw new ReconlossError("file", `${side} ${path} cannot be read: ${reasonOf(cause)}`, { cause });
  });
  if (kind !== undefined) return kind;
  if (hasMagic(path)) return "folder";
  throw new ReconlossError("file", `${side} ${path} does not exist`);
}
