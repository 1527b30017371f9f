import { readdir, realpath, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { nameFromBytes, readFileHead, reasonOf, systemPath } from "../files.ts";
import { formatOf, headLength, knownExtensions, readableExtensions } from "./formats.ts";

/** An output and the target it is compared with. */
export interface ImagePair {
  /** The output's name relative to its folder, with `/` between folders on every system. */
  name: string;
  /** Path of the output. */
  output: string;
  /** Path of the target. */
  target: string;
}

/** An image that has no partner. */
export interface UnpairedImage {
  path: string;
  side: "output" | "target";
  reason: string;
}

/** Files of a folder that are no images, counted: by extension, or as `hidden`, `without extension`, `folder listed before`. */
export type PassedOver = Readonly<Record<string, number>>;

/** What a folder and its subfolders hold. */
export interface FolderListing {
  /** Names relative to the folder, with `/` between folders, in natural order (`img2` before `img10`). */
  images: string[];
  passedOver: PassedOver;
}

/** Two folders, matched; both lists in natural order. */
export interface Pairing {
  pairs: ImagePair[];
  unpaired: UnpairedImage[];
  /** What was passed over in either folder; absent for two files. */
  passedOver?: { output: PassedOver; target: PassedOver };
}

/**
 * Extensions of the image files that are read, which count as images when folders are searched, in any case. Other files count by their
 * content.
 *
 * @example
 * ```ts
 * import { imageExtensions } from "reconloss/image";
 * imageExtensions.includes(".png"); // true
 * ```
 */
export const imageExtensions: readonly string[] = readableExtensions;

const collator = new Intl.Collator("en", { numeric: true });

/** Natural order; names that only differ in code points keep a fixed order. */
function naturally(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : Number(a > b));
}

/**
 * The images in a folder and its subfolders, as names relative to it with `/` between folders, in natural order: `listFolder` without
 * the count of other files.
 *
 * @throws {ReconlossError} `file` when the folder, or one inside it, cannot be read
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { listImages, writeImage } from "reconloss/image";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * await writeImage(join(folder, "night", "2.png"), Tensor.full([1, 1, 8, 8], 0));
 * const names = await listImages(folder); // ["night/2.png"]
 * ```
 */
export async function listImages(folder: string): Promise<string[]> {
  checkArguments("listImages", { folder: [folder, "text"] });
  return (await listFolder(folder)).images;
}

/**
 * The files of a folder and its subfolders: images, by name or by content, and how many others there are. An image by its name stays one
 * whatever is in it, so that whoever reads it says what is wrong; so does a file that cannot be opened. Hidden files and folders are passed over.
 * Links are followed, and each folder is listed once, however many links lead to it. Names that are not UTF-8 have a lone surrogate for
 * each byte that is not (U+DC80 to U+DCFF), which all functions that open files understand.
 *
 * @throws {ReconlossError} `file` when the folder, or one inside it, cannot be read
 *
 * @example
 * ```ts
 * import { mkdtemp, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { listFolder } from "reconloss/image";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * await writeFile(join(folder, "notes.txt"), "Nothing to see.");
 * await writeFile(join(folder, "grey"), "P2 1 1 255\n128");
 * const { images, passedOver } = await listFolder(folder); // ["grey"], { ".txt": 1 }
 * ```
 */
export async function listFolder(folder: string): Promise<FolderListing> {
  checkArguments("listFolder", { folder: [folder, "text"] });
  const images: string[] = [];
  const passedOver = new Map<string, number>();
  const passOver = (kind: string): void => void passedOver.set(kind, (passedOver.get(kind) ?? 0) + 1);
  const visited = new Set<string>();
  // Links to folders come last, so that a folder inside is listed under its own name.
  const waiting: { folders: string[]; links: string[] } = { folders: [""], links: [] };
  const visit = async (relative: string): Promise<void> => {
    const here = nameFromBytes(await realpath(systemPath(join(folder, relative)), "buffer"));
    if (visited.has(here)) return passOver("folder listed before");
    visited.add(here);
    for (const entry of await readdir(systemPath(here), { withFileTypes: true, encoding: "buffer" })) {
      const own = nameFromBytes(entry.name);
      const name = relative ? `${relative}/${own}` : own;
      if (own.startsWith(".")) passOver("hidden");
      else if (entry.isDirectory()) waiting.folders.push(name);
      else if (!entry.isFile() && (await isFolder(join(folder, name)))) waiting.links.push(name);
      else if (knownExtensions.has(extname(name).toLowerCase())) images.push(name);
      else if (await isImage(join(folder, name))) images.push(name);
      else passOver(extname(name).toLowerCase() || "without extension");
    }
  };
  try {
    for (;;) {
      const next = waiting.folders.shift() ?? waiting.links.shift();
      if (next === undefined) break;
      await visit(next);
    }
  } catch (cause) {
    throw new ReconlossError("file", `cannot read folder ${folder}: ${reasonOf(cause)}`, { cause });
  }
  return { images: images.sort(naturally), passedOver: Object.fromEntries(passedOver) };
}

/**
 * Counts of files as one line: `3 .txt, 1 .json`; empty where there are none.
 *
 * @example
 * ```ts
 * import { describePassedOver } from "reconloss/image";
 * describePassedOver({ ".json": 1, ".txt": 3 }); // "3 .txt, 1 .json"
 * ```
 */
export function describePassedOver(passedOver: PassedOver): string {
  checkArguments("describePassedOver", { passedOver: [passedOver, "object"] });
  const counts = Object.entries(passedOver).sort(([a, m], [b, n]) => n - m || naturally(a, b));
  return counts.map(([kind, count]) => `${count} ${kind}`).join(", ");
}

async function isFolder(path: string): Promise<boolean> {
  return stat(systemPath(path)).then(
    (status) => status.isDirectory(),
    () => false,
  );
}

/** Whether a file is an image by its content, or cannot be opened, which whoever reads it then says; a link that leads nowhere is no image. */
async function isImage(path: string): Promise<boolean> {
  try {
    return formatOf(await readFileHead(path, headLength)) !== undefined;
  } catch (error) {
    return ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code !== "ENOENT";
  }
}

/**
 * Match the images of two folders, searched with their subfolders: first by the same relative name, then, among what is left, by the same
 * relative name without extension (`a.png` with `a.jpg`). Where more than one partner is possible none is chosen, and each image
 * is reported. Composed and decomposed Unicode names are the same name.
 *
 * @throws {ReconlossError} `file` when a folder cannot be read or holds no image
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { pairFolders, writeImage } from "reconloss/image";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * await writeImage(join(folder, "outputs", "a.jpg"), Tensor.full([1, 1, 8, 8], 0));
 * await writeImage(join(folder, "targets", "a.png"), Tensor.full([1, 1, 8, 8], 0));
 * const { pairs, unpaired } = await pairFolders(join(folder, "outputs"), join(folder, "targets"));
 * ```
 */
export async function pairFolders(outputs: string, targets: string): Promise<Pairing> {
  checkArguments("pairFolders", { outputs: [outputs, "text"], targets: [targets, "text"] });
  const folders = { output: outputs, target: targets };
  const listed = { output: await listFolder(outputs), target: await listFolder(targets) };
  const left = { output: listed.output.images, target: listed.target.images };
  for (const side of ["output", "target"] as const) {
    if (left[side].length > 0) continue;
    const others = describePassedOver(listed[side].passedOver);
    const searched = `${side} folder ${folders[side]} holds no image${others ? `; passed over: ${others}` : ""}`;
    throw new ReconlossError("file", searched);
  }

  const pairs: ImagePair[] = [];
  for (const key of [sameName, sameStem]) {
    const candidates = { output: groupBy(left.output, key), target: groupBy(left.target, key) };
    const isMatched = (name: string): boolean =>
      candidates.output.get(key(name))?.length === 1 && candidates.target.get(key(name))?.length === 1;
    for (const name of left.output.filter(isMatched)) {
      const target = candidates.target.get(key(name))![0];
      pairs.push({ name, output: join(outputs, name), target: join(targets, target) });
    }
    left.output = left.output.filter((name) => !isMatched(name));
    left.target = left.target.filter((name) => !isMatched(name));
  }

  const rivals = { output: groupBy(left.output, sameStem), target: groupBy(left.target, sameStem) };
  const unpaired = (["output", "target"] as const).flatMap((side) => {
    const other = side === "output" ? "target" : "output";
    return left[side].map((name): UnpairedImage => {
      const partners = rivals[other].get(sameStem(name));
      const own = rivals[side].get(sameStem(name))!;
      const reason = partners
        ? `ambiguous: ${side} ${own.join(", ")} could go with ${other} ${partners.join(", ")}`
        : `no ${other} left with this name, or with it and another extension`;
      return { path: join(folders[side], name), side, reason };
    });
  });
  const passedOver = { output: listed.output.passedOver, target: listed.target.passedOver };
  return { pairs: pairs.sort((a, b) => naturally(a.name, b.name)), unpaired, passedOver };
}

/**
 * Pair two files, whatever their names, or two folders as `pairFolders` does.
 *
 * @throws {ReconlossError} `file` when a path does not exist, one is a file and the other a folder, or as `pairFolders`
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
export async function pairPaths(output: string, target: string): Promise<Pairing> {
  checkArguments("pairPaths", { output: [output, "text"], target: [target, "text"] });
  const kinds = { output: await kindOf("output", output), target: await kindOf("target", target) };
  if (kinds.output !== kinds.target) {
    throw new ReconlossError(
      "file",
      `two files or two folders are needed, but output ${output} is a ${kinds.output} and target ${target} a ${kinds.target}`,
    );
  }
  return kinds.output === "folder"
    ? pairFolders(output, target)
    : { pairs: [{ name: basename(output), output, target }], unpaired: [] };
}

async function kindOf(side: "output" | "target", path: string): Promise<"file" | "folder"> {
  const status = await stat(systemPath(path)).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "ENOENT" ? "does not exist" : `cannot be read: ${reasonOf(cause)}`;
    throw new ReconlossError("file", `${side} ${path} ${reason}`, { cause });
  });
  return status.isDirectory() ? "folder" : "file";
}

function sameName(name: string): string {
  return name.normalize("NFC");
}

function sameStem(name: string): string {
  const same = sameName(name);
  return same.slice(0, same.length - extname(same).length);
}

function groupBy(names: readonly string[], key: (name: string) => string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const name of names) groups.set(key(name), [...(groups.get(key(name)) ?? []), name]);
  return groups;
}
