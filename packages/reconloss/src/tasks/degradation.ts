import { extname, join } from "node:path";
import { Random, ReconlossError, Tensor } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { type AlphaOptions, imresize, readImage, writeImage } from "../image/index.ts";
import { stemOf } from "../image/names.ts";
import { blur, expose, noise } from "./distort.ts";
import { asFile, type Colours, cutRectangle, topLeft } from "./patches.ts";
import { readPhotograph } from "./photographs.ts";
import { type Restoration, withMarginCut } from "./task.ts";
import { makeTask, type TaskOptions } from "./tasks.ts";

/** The filters that bring a degraded image back to its target's size without a network. */
export const baselines = ["bicubic", "lanczos"] as const;

/** One of {@link baselines}. */
export type Baseline = (typeof baselines)[number];

/** The steps of a degradation, in this order. */
export interface Degradation {
  /** The share of the light that is left, multiplied in linear light, above 0 and at most 1. Default: all of it. */
  readonly light?: number;
  /** Standard deviation of a Gaussian blur, in pixels of the photograph. Default: none. */
  readonly blur?: number;
  /** A task of `train`, whose inputs are made: `super-resolution`, `deblur` or `enhance`. Default: none, but for a scale, which is that of `super-resolution`. */
  readonly task?: string;
  /** The ratio of a photograph's height and width to those of the degraded image: 2 (the default of `super-resolution`), 3 or 4. */
  readonly scale?: number;
  /** Standard deviation of Gaussian noise, in levels of 255. Default: none. */
  readonly noise?: number;
  /** Quality of JPEG files, 1 to 100. Default: PNG. */
  readonly jpeg?: number;
  /** Of everything that is random; each photograph has its own random numbers, by its name. Default 1. */
  readonly seed?: number;
}

/** The result for one photograph. */
export interface DegradedPhotograph {
  /** Height and width of the part of the photograph that was used: multiples of the scale. */
  readonly size: readonly [height: number, width: number];
  /** Whether rows or columns of it were left out. */
  readonly isCut: boolean;
}

/** The paths of the files that are written for a photograph; PNG or JPEG by the extension. */
export interface DegradedPaths {
  readonly degraded: string;
  /** The part of the photograph that was used. */
  readonly target?: string;
  readonly baselines?: Readonly<Partial<Record<Baseline, string>>>;
}

/** A number that must lie in a range. */
function checkRange(name: string, value: number | undefined, low: number, high: number, isWhole = false): void {
  if (value === undefined) return;
  if (typeof value === "number" && value >= low && value <= high && (!isWhole || Number.isInteger(value))) return;
  const kind = isWhole ? "a whole number" : "a number";
  throw new ReconlossError("invalid-argument", `degrade: ${name} must be ${kind} from ${low} to ${high}, got ${value}`);
}

/** The task of a degradation: a scale alone is that of `super-resolution`. */
function taskOf({ task, scale }: Degradation, colours: Colours): Restoration | undefined {
  const name = task ?? (scale === undefined ? undefined : "super-resolution");
  if (name === undefined) return undefined;
  const options: TaskOptions = { channels: colours, ...(scale === undefined ? {} : { scale }) };
  const { restoration } = makeTask(name, name === "generate" ? {} : options);
  if (restoration !== undefined) return restoration;
  throw new ReconlossError(
    "invalid-argument",
    `degrade: ${name} generates images from random numbers, not from photographs`,
  );
}

/**
 * Checks a degradation and returns its scale: the target's pixels to a pixel of the degraded image, along each axis.
 *
 * @throws {ReconlossError} `invalid-argument` for a degradation that does nothing, or makes no sense
 */
export function checkDegradation(degradation: Degradation): number {
  const { light, blur: sigma, task, scale, noise: levels, jpeg, seed } = degradation;
  checkArguments("degrade", { task: [task, "text?"], scale: [scale, "number?"] });
  checkRange("light", light, 1e-6, 1);
  checkRange("blur", sigma, 1e-3, 100);
  checkRange("noise", levels, 1e-3, 255);
  checkRange("jpeg", jpeg, 1, 100, true);
  checkRange("seed", seed, 0, 2 ** 53 - 1, true);
  if ([light, sigma, task, scale, levels, jpeg].every((value) => value === undefined)) {
    const choices = "task, scale, light, blur, noise or jpeg";
    throw new ReconlossError("invalid-argument", `degrade: nothing to do; set ${choices}`);
  }
  return taskOf(degradation, 3)?.scale ?? 1;
}

/** An image with a border that is mirrored, its ends repeated, as MATLAB's `imresize` continues images. */
function mirrored({ data, shape: [n, c, h, w] }: Tensor, border: number): Tensor {
  if (border === 0) return new Tensor(data, [n, c, h, w]);
  const place = (position: number, length: number) => {
    const wrapped = ((position % (2 * length)) + 2 * length) % (2 * length);
    return wrapped < length ? wrapped : 2 * length - 1 - wrapped;
  };
  const [height, width] = [h + 2 * border, w + 2 * border];
  const result = new Float32Array(n * c * height * width);
  for (let plane = 0; plane < n * c; plane++) {
    for (let y = 0; y < height; y++) {
      const row = (plane * h + place(y - border, h)) * w;
      const into = (plane * height + y) * width;
      for (let x = 0; x < width; x++) result[into + x] = data[row + place(x - border, w)];
    }
  }
  return new Tensor(result, [n, c, height, width]);
}

/** A degradation in words, step by step, for people who read the settings. */
export function describeDegradation(degradation: Degradation): string[] {
  const { light, blur: sigma, task, noise: levels, jpeg } = degradation;
  const scale = checkDegradation(degradation);
  const ofTask =
    scale > 1
      ? [`downscaled by ${scale} as by MATLAB's imresize: bicubic (a = -0.5), antialiased, with a mirrored border`]
      : task === undefined
        ? []
        : [`degraded as the inputs of train ${task}`];
  return [
    ...(light === undefined ? [] : [`light times ${light}, in linear light (sRGB)`]),
    ...(sigma === undefined ? [] : [`Gaussian blur of sigma ${sigma} pixels, with a mirrored border`]),
    ...ofTask,
    ...(levels === undefined ? [] : [`Gaussian noise of sigma ${levels} / 255`]),
    jpeg === undefined ? "clamped to [0, 1], rounded to 8 bits" : `JPEG of quality ${jpeg}, chroma subsampled 4:2:0`,
  ];
}

/**
 * Makes of a photograph what a network would be shown, and writes it: what `train` makes of patches of it, or a degradation that is said. A photograph whose sides are no multiples of the scale loses rows
 * at its bottom and columns at its right.
 *
 * @param path - the photograph
 * @param name - what its random numbers follow from, with the seed
 * @param paths - where to write; a baseline is made of the file that was written, an image of its target's size
 * @throws {ReconlossError} `invalid-argument` as {@link checkDegradation} and for a baseline where nothing is reduced; `image` or `file` as `readImage` and `writeImage`
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { readImage, writeImage } from "reconloss/image";
 * import { degradePhotograph } from "reconloss/tasks";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * const [photograph, degraded, bicubic] = ["a.png", "small.png", "large.png"].map((name) => join(folder, name));
 * await writeImage(photograph, Tensor.full([1, 3, 33, 48], 0.5));
 * const { size } = await degradePhotograph(photograph, "a.png", { scale: 2 }, { degraded, baselines: { bicubic } });
 * size; // [32, 48]
 * (await readImage(degraded)).shape; // [1, 3, 16, 24]
 * ```
 */
export async function degradePhotograph(
  path: string,
  name: string,
  degradation: Degradation,
  paths: DegradedPaths,
  options: AlphaOptions = {},
): Promise<DegradedPhotograph> {
  checkArguments("degradePhotograph", {
    path: [path, "text"],
    name: [name, "text"],
    degradation: [degradation, "object"],
    paths: [paths, "object", ["degraded"]],
    options: [options, "object?"],
  });
  const scale = checkDegradation(degradation);
  const wanted = Object.entries(paths.baselines ?? {}) as [Baseline, string][];
  checkBaselines(
    wanted.map(([baseline]) => baseline),
    scale,
  );
  const pixels = await readPhotograph({ name, path }, options);
  const [height, width] = [pixels.height, pixels.width].map((side) => side - (side % scale));
  if (height === 0 || width === 0) {
    throw new ReconlossError(
      "image",
      `${path} has ${pixels.width}x${pixels.height} pixels, too few for scale ${scale}`,
    );
  }
  const colours: Colours = pixels.channels < 3 ? 1 : 3;
  const whole = cutRectangle(pixels, { left: 0, top: 0, width: pixels.width, height: pixels.height }, colours);
  const target = topLeft(whole, height, width);
  const random = new Random(degradation.seed ?? 1, "degrade", name);
  const degraded = degradedOf(target, degradation, taskOf(degradation, colours), random);
  const { jpeg } = degradation;
  await writeImage(paths.degraded, degraded, jpeg === undefined ? {} : { quality: jpeg });
  if (paths.target !== undefined) {
    await writeImage(paths.target, target, { bitDepth: pixels.data instanceof Uint16Array ? 16 : 8 });
  }
  if (wanted.length > 0) {
    const written = jpeg === undefined ? degraded : await readImage(paths.degraded);
    for (const [baseline, into] of wanted) {
      const kernel = baseline === "bicubic" ? "bicubic" : "lanczos3";
      await writeImage(into, imresize(written, [height, width], kernel));
    }
  }
  return { size: [height, width], isCut: height < pixels.height || width < pixels.width };
}

/** @throws {ReconlossError} `invalid-argument` for a baseline that is none, or of what has its target's size already */
export function checkBaselines(wanted: readonly string[], scale: number): void {
  const other = wanted.find((name) => !(baselines as readonly string[]).includes(name));
  if (other !== undefined) {
    throw new ReconlossError("invalid-argument", `degrade: baseline must be ${baselines.join(" or ")}, got ${other}`);
  }
  if (wanted.length === 0 || scale > 1) return;
  throw new ReconlossError(
    "invalid-argument",
    "degrade: a baseline needs a scale; without one, the degraded images themselves are the baseline",
  );
}

/** A target [1, c, h, w] as it becomes, in 8 bits. */
function degradedOf(
  target: Tensor,
  { light, blur: sigma, noise: levels }: Degradation,
  restoration: Restoration | undefined,
  random: Random,
): Tensor {
  let image = target;
  if (light !== undefined) image = expose(image, light);
  if (sigma !== undefined) image = blur(image, sigma);
  if (restoration !== undefined) {
    image = withMarginCut(restoration, mirrored(image, restoration.margin), random).input;
  }
  if (levels !== undefined) image = noise(image, levels / 255, random.below(2 ** 32));
  return asFile(image);
}

/** The names of the degraded images of a folder: with the extension of what is written, all different. */
export function degradedNames(names: readonly string[], { jpeg }: Degradation): string[] {
  const extension = jpeg === undefined ? ".png" : ".jpg";
  const taken = new Set(names.filter((name) => extname(name) === extension));
  return names.map((name) => {
    if (extname(name) === extension) return name;
    const plain = `${stemOf(name)}${extension}`;
    // Beside a.png, a.jpg keeps its extension before the new one.
    const free = taken.has(plain) ? `${name}${extension}` : plain;
    taken.add(free);
    return free;
  });
}

/** Paths of what is made of a photograph, in the folders of each kind. */
export function degradedPaths(
  name: string,
  folders: { degraded: string; target?: string; baselines: Readonly<Partial<Record<Baseline, string>>> },
): DegradedPaths {
  // Baselines and targets are as they are: nothing is compressed.
  const lossless = `${stemOf(name)}.png`;
  const entries = Object.entries(folders.baselines).map(([baseline, folder]) => [baseline, join(folder, lossless)]);
  return {
    degraded: join(folders.degraded, name),
    ...(folders.target === undefined ? {} : { target: join(folders.target, lossless) }),
    baselines: Object.fromEntries(entries),
  };
}
