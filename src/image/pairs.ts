import { readdir, realpath, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { ReconlossError } from "../errors.ts";
import { reasonOf } from "../files.ts";

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

/** Two folders, matched; both lists in natural order (`img2` before `img10`). */
export interface Pairing {
  pairs: ImagePair[];
  unpaired: UnpairedImage[];
}

/**
 * Extensions that count as images when folders are searched, in any case.
 *
 * @example
 * ```ts
 * import { imageExtensions } from "reconloss/image";
 * imageExtensions.includes(".png"); // true
 * ```
 */
export const imageExtensions: readonly string[] = [".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".gif"];

const collator = new Intl.Collator("en", { numeric: true });

/** Natural order; names that only differ in code points keep a fixed order. */
function naturally(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : Number(a > b));
}

/**
 * The images in a folder and its subfolders, by extension (`imageExtensions`), as names relative to it with `/` between
 * folders, in natural order. Links are followed, but not into a folder that contains them. Hidden files and folders are passed over.
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
  return listFolder("listImages", folder);
}

async function listFolder(caller: string, folder: string): Promise<string[]> {
  const names: string[] = [];
  const visit = async (relative: string, ancestors: readonly string[]): Promise<void> => {
    const here = await realpath(join(folder, relative));
    if (ancestors.includes(here)) return;
    for (const entry of await readdir(here)) {
      if (entry.startsWith(".")) continue;
      const name = relative ? `${relative}/${entry}` : entry;
      // A broken link stays in the list as a file, so that whoever reads it reports it.
      const isFolder = await stat(join(folder, name)).then(
        (status) => status.isDirectory(),
        () => false,
      );
      if (isFolder) await visit(name, [...ancestors, here]);
      else if (imageExtensions.includes(extname(entry).toLowerCase())) names.push(name);
    }
  };
  await visit("", []).catch((cause) => {
    throw new ReconlossError("file", `${caller}: cannot read folder ${folder}: ${reasonOf(cause)}`, { cause });
  });
  return names.sort(naturally);
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
  return matchFolders("pairFolders", outputs, targets);
}

async function matchFolders(caller: string, outputs: string, targets: string): Promise<Pairing> {
  const folders = { output: outputs, target: targets };
  const left = { output: await listFolder(caller, outputs), target: await listFolder(caller, targets) };
  for (const side of ["output", "target"] as const) {
    if (left[side].length > 0) continue;
    const searched = `${side} folder ${folders[side]} holds no image (${imageExtensions.join(", ")})`;
    throw new ReconlossError("file", `${caller}: ${searched}`);
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
  return { pairs: pairs.sort((a, b) => naturally(a.name, b.name)), unpaired };
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
  const kinds = { output: await kindOf("output", output), target: await kindOf("target", target) };
  if (kinds.output !== kinds.target) {
    throw new ReconlossError(
      "file",
      `pairPaths: two files or two folders are needed, but output ${output} is a ${kinds.output} and target ${target} a ${kinds.target}`,
    );
  }
  return kinds.output === "folder"
    ? matchFolders("pairPaths", output, target)
    : { pairs: [{ name: basename(output), output, target }], unpaired: [] };
}

async function kindOf(side: "output" | "target", path: string): Promise<"file" | "folder"> {
  const status = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "ENOENT" ? "does not exist" : `cannot be read: ${reasonOf(cause)}`;
    throw new ReconlossError("file", `pairPaths: ${side} ${path} ${reason}`, { cause });
  });
  return status.isDirectory() ? "folder" : "file";
}

function sameName(name: string): string {
  return name.normalize("NFC");
}

function sameStem(name: string): string {
  return sameName(name).slice(0, -extname(name).length);
}

function groupBy(names: readonly string[], key: (name: string) => string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const name of names) groups.set(key(name), [...(groups.get(key(name)) ?? []), name]);
  return groups;
}
