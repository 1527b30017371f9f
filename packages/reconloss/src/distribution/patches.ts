import { createHash } from "node:crypto";
import { type OptionsOf, Random, ReconlossError, Tensor } from "@reconloss/core";
import { choice, counted, integer, lastAtMost, parseOptions, Recent, resolveOptions } from "@reconloss/core/internal";
import { type Box, cut } from "../onnx/fit.ts";
import { inOrder } from "./extract.ts";
import { type ImageSet, nameOf, type SetImage, type SizeRun } from "./image-set.ts";

/** The rule by which patches are cut: the options of `--patches`. */
export const patchSchema = {
  size: integer(256, "height and width of a patch, in pixels", { min: 16 }),
  places: choice(
    ["shifted", "grid", "random"],
    "shifted",
    "grid: adjacent patches from the upper left corner, without the remainder; shifted: in addition, a second grid that starts half a patch further right and down, for images of at least one and a half patches each way; random: anywhere",
  ),
  count: integer(0, "for places=random: number of patches per image", { min: 0, max: 2 ** 16 }),
  seed: integer(0, "for places=random: seed of the positions", { min: 0 }),
};

/** The values of {@link patchSchema}. */
export type PatchOptions = OptionsOf<typeof patchSchema>;

/**
 * All options of patches, of those that are said.
 *
 * @throws {ReconlossError} `invalid-argument` for options that there are not, or that do not fit each other
 */
export function resolvePatches(patches: number | Partial<PatchOptions>): PatchOptions {
  const { values } = resolveOptions("patches", patchSchema, typeof patches === "number" ? { size: patches } : patches);
  const { places, count, seed } = values;
  const refuse = (problem: string): never => {
    throw new ReconlossError("invalid-argument", `patches: ${problem}`);
  };
  if (places === "random" && count === 0) refuse("places=random needs a count of at least 1, such as count=10");
  if (places !== "random" && count !== 0) refuse(`option count applies only to places=random, but places is ${places}`);
  if (places !== "random" && seed !== 0) refuse(`option seed applies only to places=random, but places is ${places}`);
  return values;
}

/**
 * The options that `--patches` says: `256`, `256,places=grid`, or `size=256,places=random,count=10`.
 *
 * @throws {ReconlossError} `syntax` for text that is no list of options, and as {@link resolvePatches}
 */
export function parsePatches(text: string): PatchOptions {
  const [first, ...others] = text.split(",");
  const isSize = first.trim() !== "" && !first.includes("=");
  const written = isSize ? [`size=${first}`, ...others].join(",") : text;
  return resolvePatches(parseOptions("--patches", text, written) as Partial<PatchOptions>);
}

/** Options as they are written, without those that say nothing new: the same patches, the same text. */
export function patchText({ size, places, count, seed }: PatchOptions): string {
  if (places !== "random") return [String(size), ...(places === "shifted" ? [] : [`places=${places}`])].join(",");
  return [String(size), `places=${places}`, `count=${count}`, ...(seed === 0 ? [] : [`seed=${seed}`])].join(",");
}

/** The name of a patch: that of its image, with the column and the row of the patch's upper left pixel. */
const patchName = (image: string, { left, top }: Pick<Box, "left" | "top">) => `${image}[${left},${top}]`;

/** The image and the place that a patch's name says. */
export function placeIn(name: string): { image: string; left: number; top: number } {
  const [, image = name, left = 0, top = 0] = /^(.*)\[(\d+),(\d+)\]$/s.exec(name) ?? [];
  return { image, left: Number(left), top: Number(top) };
}

/** The places of the patches of an image of this size, in order, by their numbers. */
interface Places {
  readonly count: number;
  at(patch: number, image: number): Pick<Box, "left" | "top">;
}

/** A grid of whole patches that begins at `start`, row by row. */
function gridFrom(start: number, size: number, height: number, width: number): Places {
  const [rows, columns] = [height, width].map((side) => Math.max(0, Math.floor((side - start) / size)));
  return {
    count: rows * columns,
    at: (patch) => ({ left: start + size * (patch % columns), top: start + size * Math.floor(patch / columns) }),
  };
}

/**
 * HiFiC's FID/256 (Mentzer et al. 2020, "High-fidelity generative image compression", appendix A.7) is of both grids, in the rounding of
 * facebookresearch/NeuralCompression.
 */
function placesOf({ size, places, count, seed }: PatchOptions, height: number, width: number): Places {
  if (height < size || width < size) return { count: 0, at: () => ({ left: 0, top: 0 }) };
  if (places === "random") {
    const at = (patch: number, image: number) => {
      // Of the place in the set, so that outputs and reals that are pairs are cut at the same places.
      const random = new Random(seed, "patches", image, patch);
      return { left: random.below(width - size + 1), top: random.below(height - size + 1) };
    };
    return { count, at };
  }
  const first = gridFrom(0, size, height, width);
  if (places === "grid" || Math.min(height, width) < 1.5 * size) return first;
  const second = gridFrom(Math.floor(size / 2), size, height, width);
  return {
    count: first.count + second.count,
    at: (patch) => (patch < first.count ? first.at(patch, 0) : second.at(patch - first.count, 0)),
  };
}

/** Images that are measured at the same time. */
const measuredAtOnce = 4;

/** The sizes of all images of a set, from their headers. One that cannot be read is 0x0: it is told when it is read again. */
async function sizesOf(images: ImageSet): Promise<SizeRun[]> {
  const runs: [images: number, height: number, width: number][] = [];
  const measure = async (index: number): Promise<readonly [height: number, width: number]> => {
    try {
      return await (await images.load(index)).size();
    } catch (error) {
      if (error instanceof ReconlossError && error.code === "image") return [0, 0];
      throw error;
    }
  };
  for await (const [height, width] of inOrder(images.count, measuredAtOnce, measure)) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === height && last[2] === width) last[0]++;
    else runs.push([1, height, width]);
  }
  return runs;
}

/** Images of one size that follow each other, with the numbers of the first of them and of its first patch. */
interface Run {
  readonly image: number;
  readonly patch: number;
  readonly height: number;
  readonly width: number;
}

/** An image that cannot be read has one place, to be told at. */
const noPlace: Places = { count: 1, at: () => ({ left: 0, top: 0 }) };

/**
 * The patches of the images of a set as a set, image by image: whatever is computed of images is then computed of patches. An image is read and decoded once
 * where its patches are asked for in order, and is gone after that.
 *
 * @param known - the sizes of the images where they are known from before: none is then measured
 * @throws {ReconlossError} `file` where no image is as large as a patch
 */
export async function patchesOf(
  images: ImageSet,
  options: PatchOptions,
  path: string,
  known?: readonly SizeRun[],
): Promise<ImageSet> {
  const { size } = options;
  const sizes = known ?? (await sizesOf(images));
  const runs: Run[] = [];
  let [image, patch, smaller] = [0, 0, 0];
  const placesIn = ({ height, width }: Pick<Run, "height" | "width">) =>
    height === 0 ? noPlace : placesOf(options, height, width);
  for (const [count, height, width] of sizes) {
    const places = placesIn({ height, width });
    if (places.count > 0) runs.push({ image, patch, height, width });
    else smaller += count;
    image += count;
    patch += count * places.count;
  }
  if (image !== images.count) throw changed(path, `has ${counted(images.count, "image", "images")}, and had ${image}`);
  if (patch === 0) {
    throw new ReconlossError("file", `${path} has no image of at least ${size}x${size} pixels, the size of a patch`);
  }
  const locate = (index: number) => {
    const run = runs[lastAtMost(runs.length, (at) => runs[at].patch, index)];
    const { count, at } = placesIn(run);
    const after = index - run.patch;
    const image = run.image + Math.floor(after / count);
    return { image, run, box: { ...at(after % count, image), height: size, width: size } };
  };
  const read = new Recent<SharedImage>(1);
  const open = images.open && ((index: number) => images.open?.(locate(index).image) as Promise<void>);
  return {
    count: patch,
    ignoredFiles: images.ignoredFiles,
    parts: images.parts,
    name: (index) => {
      const { image, run, box } = locate(index);
      return run.height === 0 ? images.name(image) : patchName(images.name(image), box);
    },
    ...(open ? { open } : {}),
    ...(images.bytes ? { bytes: async (index) => (await images.bytes?.(locate(index).image)) as number } : {}),
    ...(images.label ? { label: async (index) => images.label?.(locate(index).image) } : {}),
    load: async (index) => {
      const { image, run, box } = locate(index);
      const shared = await read.get(String(image), async () => sharedImage(await images.load(image)));
      if (run.height === 0) {
        await shared.image.size();
        throw changed(images.name(image), "could not be read when its set was listed, but can be now");
      }
      return patchOf(shared, run, box, images.name(image));
    },
    cut: {
      size,
      sizes,
      smaller,
      from: (index) => {
        const { image } = locate(index);
        return { image, name: images.name(image) };
      },
    },
  };
}

function changed(name: string, problem: string): ReconlossError {
  return new ReconlossError("content", `${name} has changed since its set was listed: it ${problem}`);
}

/** An image that several patches are of: it is decoded when the first of them is. */
interface SharedImage {
  readonly image: SetImage;
  decode(): ReturnType<SetImage["decode"]>;
}

function sharedImage(image: SetImage): SharedImage {
  let decoded: ReturnType<SetImage["decode"]> | undefined;
  return { image, decode: () => (decoded ??= image.decode()) };
}

function patchOf({ image: whole, decode }: SharedImage, size: Run, box: Box, name: string): SetImage {
  const { left, top, height, width } = box;
  return {
    hash: createHash("sha256").update(`${whole.hash} ${left} ${top} ${width} ${height}`).digest("hex"),
    size: async () => [height, width],
    decode: async () => {
      const { image, notes } = await decode();
      const [h, w] = image instanceof Tensor ? image.shape.slice(2) : [image.height, image.width];
      if (h !== size.height || w !== size.width) {
        throw changed(name, `is ${w}x${h}, and was ${size.width}x${size.height}`);
      }
      return { image: cut(image, box), notes };
    },
  };
}

/** The set as it is, or the set of its patches where patches are asked for. */
export async function withPatches(
  images: ImageSet,
  path: string,
  patches: number | Partial<PatchOptions> | undefined,
  known?: readonly SizeRun[],
): Promise<ImageSet> {
  return patches === undefined ? images : patchesOf(images, resolvePatches(patches), path, known);
}

/** The name of the image that image `index` of a set is, or is a patch of. */
export async function wholeNameOf(images: ImageSet, index: number): Promise<string> {
  const name = await nameOf(images, index);
  return images.cut?.from(index).name ?? name;
}
