import { readdir, realpath, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { nameFromBytes, readFileHead, reasonOf, systemPath } from "../files.ts";
import { formatOf, headLength, knownExtensions, readableExtensions } from "./formats.ts";

/**
 * Files of a folder that are not used, counted: those that are no images by extension, or as `hidden`, `without extension`, `folder listed before`; images that were
 * left out as `excluded`, or as `not in --pair`.
 */
export type IgnoredFiles = Readonly<Record<string, number>>;

/** The contents of a folder and its subfolders. */
export interface FolderListing {
  /** Names relative to the folder, with `/` between folders, in natural order (`img2` before `img10`). */
  images: string[];
  ignoredFiles: IgnoredFiles;
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
export function naturally(a: string, b: string): number {
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
 * whatever is in it, so that whoever reads it says what is wrong; so does a file that cannot be opened. Hidden files and folders are ignored.
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
 * const { images, ignoredFiles } = await listFolder(folder); // ["grey"], { ".txt": 1 }
 * ```
 */
export async function listFolder(folder: string): Promise<FolderListing> {
  checkArguments("listFolder", { folder: [folder, "text"] });
  const images: string[] = [];
  const ignoredFiles = new Map<string, number>();
  const ignore = (kind: string): void => void ignoredFiles.set(kind, (ignoredFiles.get(kind) ?? 0) + 1);
  const visited = new Set<string>();
  // Links to folders come last, so that a folder inside is listed under its own name.
  const waiting: { folders: string[]; links: string[] } = { folders: [""], links: [] };
  const visit = async (relative: string): Promise<void> => {
    const here = nameFromBytes(await realpath(systemPath(join(folder, relative)), "buffer"));
    if (visited.has(here)) return ignore("folder listed before");
    visited.add(here);
    for (const entry of await readdir(systemPath(here), { withFileTypes: true, encoding: "buffer" })) {
      const own = nameFromBytes(entry.name);
      const name = relative ? `${relative}/${own}` : own;
      if (own.startsWith(".")) ignore("hidden");
      else if (entry.isDirectory()) waiting.folders.push(name);
      else if (!entry.isFile() && (await isFolder(join(folder, name)))) waiting.links.push(name);
      else if (knownExtensions.has(extname(name).toLowerCase())) images.push(name);
      else if (await isImage(join(folder, name))) images.push(name);
      else ignore(extname(name).toLowerCase() || "without extension");
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
  return { images: images.sort(naturally), ignoredFiles: Object.fromEntries(ignoredFiles) };
}

/**
 * Counts of files as one line: `3 .txt, 1 .json`; empty where there are none.
 *
 * @example
 * ```ts
 * import { describeIgnoredFiles } from "reconloss/image";
 * describeIgnoredFiles({ ".json": 1, ".txt": 3 }); // "3 .txt, 1 .json"
 * ```
 */
export function describeIgnoredFiles(ignoredFiles: IgnoredFiles): string {
  checkArguments("describeIgnoredFiles", { ignoredFiles: [ignoredFiles, "object"] });
  const counts = Object.entries(ignoredFiles).sort(([a, m], [b, n]) => n - m || naturally(a, b));
  return counts.map(([kind, count]) => `${count} ${kind}`).join(", ");
}

async function isFolder(path: string): Promise<boolean> {
  return stat(systemPath(path)).then(
    (status) => status.isDirectory(),
    () => false,
  );
}

/** Whether a file is an image by its content, or cannot be opened, which whoever reads it then says; a link that leads nowhere is no image. */
export async function isImage(path: string): Promise<boolean> {
  try {
    return formatOf(await readFileHead(path, headLength)) !== undefined;
  } catch (error) {
    return ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code !== "ENOENT";
  }
}
