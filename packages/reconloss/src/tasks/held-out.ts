import { Random, ReconlossError, type Tensor } from "@reconloss/core";
import { checkArguments, counted } from "@reconloss/core/internal";
import type { Pixels } from "../image/index.ts";
import { asFile, cutRectangle, type Rectangle } from "./patches.ts";
import { type Photograph, type PhotographOptions, readPhotograph, type Skipped } from "./photographs.ts";
import { type Example, type Restoration, withMarginCut } from "./task.ts";

/** The largest crops that are judged, in pixels along either axis. */
const largestSide = 256;
/** The limits of what is judged: crops in all, and crops of one photograph. */
const [mostCrops, mostOfOne] = [24, 4];

/** A held-out crop with its baseline: what there is of it without the network. */
export interface HeldOut extends Example {
  readonly name: string;
  readonly baseline: Tensor;
}

/** The part of the held-out photographs that is judged. */
export interface Coverage {
  /** Photographs that crops are of, and all that are held out. */
  readonly photographs: number;
  readonly heldOut: number;
  /** The number of crops, or of generated images, and the longest side of one in pixels. */
  readonly crops: number;
  readonly side: number;
  /** Whether the crops together make the whole of each photograph. */
  readonly whole: boolean;
}

/** The coverage in words: `24 crops of at most 256x256 pixels, from 24 of 40 held-out photographs`. */
export function describeCoverage(coverage: Coverage): string {
  checkArguments("describeCoverage", { coverage: [coverage, "object"] });
  const { photographs, heldOut, crops, side, whole } = coverage;
  const all = counted(heldOut, "held-out photograph", "held-out photographs");
  const of = photographs === heldOut ? all : `${photographs} of ${all}`;
  const places = `${counted(crops, "crop", "crops")} of at most ${side}x${side} pixels`;
  return `${places}, ${whole ? "the whole" : "from the middle"} of ${of}`;
}

/** The crops of held-out photographs that a network is judged by. */
export interface HeldOutSet {
  readonly coverage: Coverage;
  readonly skipped: readonly Skipped[];
  /** The first crops, to be looked at. */
  readonly first: readonly HeldOut[];
  /** All crops, always the same. */
  each(): AsyncIterable<HeldOut>;
}

/** An axis in equal parts of at most {@link largestSide} pixels, which begin and end at multiples of `multiple` from one another. */
function parts(length: number, multiple: number, margin: number): readonly { start: number; length: number }[] {
  const usable = length - 2 * margin;
  const count = Math.ceil(usable / largestSide);
  const part = Math.floor(usable / count / multiple) * multiple;
  if (!(part > 0)) return [];
  const first = Math.floor((usable - count * part) / 2);
  return Array.from({ length: count }, (_, index) => ({ start: first + index * part, length: part + 2 * margin }));
}

/** Crops side by side that leave nothing out but a remainder of fewer than `multiple` pixels for each, and the margin. */
function wholeGrid({ width, height }: Pixels, multiple: number, margin: number): Rectangle[] {
  return parts(height, multiple, margin).flatMap((down) =>
    parts(width, multiple, margin).map((across) => ({
      ...{ left: across.start, top: down.start },
      ...{ width: across.length, height: down.length },
    })),
  );
}

/** A few squares side by side along the longer side, in the middle of the shorter. */
function squares({ width, height }: Pixels, multiple: number, margin: number): Rectangle[] {
  const fit = Math.min(largestSide, Math.min(width, height) - 2 * margin);
  const side = Math.floor(fit / multiple) * multiple;
  const whole = side + 2 * margin;
  if (side < 1) return [];
  const count = Math.min(mostOfOne, Math.floor(Math.max(width, height) / whole));
  return Array.from({ length: count }, (_, index) => {
    const along = Math.round(((index + 1) * (Math.max(width, height) - count * whole)) / (count + 1)) + index * whole;
    const across = Math.floor((Math.min(width, height) - whole) / 2);
    const [left, top] = width > height ? [along, across] : [across, along];
    return { left, top, width: whole, height: whole };
  });
}

/** Some of a list, evenly spread. */
function spread<T>(things: readonly T[], most: number): readonly T[] {
  if (things.length <= most) return things;
  return Array.from({ length: most }, (_, index) => things[Math.floor((index * things.length) / most)]);
}

/** A crop degraded as always: what happens to it follows from its photograph's name and its number. */
function heldOut(restoration: Restoration, name: string, pixels: Pixels, place: Rectangle, index: number): HeldOut {
  const random = new Random("held out", name, index);
  const example = withMarginCut(restoration, cutRectangle(pixels, place, restoration.colours), random);
  return {
    ...example,
    name: index === 0 ? name : `${name} (${index + 1})`,
    baseline: asFile(restoration.baseline.of(example.input)),
  };
}

/** A photograph's pixels and its crops, or why it has none. */
async function open(
  { scale, margin }: Restoration,
  photograph: Photograph,
  places: typeof wholeGrid,
  options: PhotographOptions,
): Promise<{ pixels: Pixels; rectangles: Rectangle[] } | Skipped> {
  const { path } = photograph;
  try {
    const pixels = await readPhotograph(photograph, options);
    const rectangles = places(pixels, scale, margin);
    if (rectangles.length > 0) return { pixels, rectangles };
    return { path, reason: `it has ${pixels.width}x${pixels.height} pixels, too few` };
  } catch (error) {
    if (!(error instanceof ReconlossError) || error.code === "missing-dependency") throw error;
    return { path, reason: error.message };
  }
}

/**
 * The examples of held-out photographs that a network is judged by, degraded always in the same way: a few squares of some of them, which stay in memory, or, with
 * `all`, the whole of each, read again each time.
 *
 * @throws {ReconlossError} `image` when none of the photographs can be used
 */
export async function heldOutSet(
  restoration: Restoration,
  photographs: readonly Photograph[],
  options: PhotographOptions & { all?: boolean },
  samples: number,
): Promise<HeldOutSet> {
  const { all = false } = options;
  const places = all ? wholeGrid : squares;
  const skipped: Skipped[] = [];
  const usable: Photograph[] = [];
  const kept: { of: Photograph; crop: HeldOut; side: number }[] = [];
  let [crops, side] = [0, 0];
  for (const photograph of all ? photographs : spread(photographs, mostCrops)) {
    const opened = await open(restoration, photograph, places, options);
    if ("reason" in opened) {
      skipped.push(opened);
      continue;
    }
    usable.push(photograph);
    crops += opened.rectangles.length;
    for (const [index, place] of opened.rectangles.entries()) {
      const longest = Math.max(place.width, place.height) - 2 * restoration.margin;
      side = Math.max(side, longest);
      if (all && kept.length >= samples) continue;
      const crop = heldOut(restoration, photograph.name, opened.pixels, place, index);
      kept.push({ of: photograph, crop, side: longest });
    }
  }
  if (usable.length === 0) {
    const [first] = skipped;
    throw new ReconlossError("image", `validation: no held-out photograph can be used; ${first.path}: ${first.reason}`);
  }
  if (all) {
    const coverage = { photographs: usable.length, heldOut: photographs.length, crops, side, whole: true };
    const each = async function* () {
      for (const photograph of usable) {
        const opened = await open(restoration, photograph, places, options);
        if ("reason" in opened) throw new ReconlossError("image", `validation: ${opened.path}: ${opened.reason}`);
        for (const [index, place] of opened.rectangles.entries()) {
          yield heldOut(restoration, photograph.name, opened.pixels, place, index);
        }
      }
    };
    return { coverage, skipped, first: kept.slice(0, samples).map(({ crop }) => crop), each };
  }
  const chosen = spread(kept, mostCrops);
  const list = chosen.map(({ crop }) => crop);
  return {
    coverage: {
      photographs: new Set(chosen.map(({ of }) => of)).size,
      heldOut: photographs.length,
      crops: chosen.length,
      side: Math.max(...chosen.map(({ side }) => side)),
      whole: false,
    },
    skipped,
    first: list.slice(0, samples),
    each: async function* () {
      yield* list;
    },
  };
}
