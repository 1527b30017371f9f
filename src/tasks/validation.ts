import { ReconlossError } from "../errors.ts";
import type { AlphaOptions, Pixels } from "../image/index.ts";
import { type Loss, parseLoss, parseLosses } from "../losses/index.ts";
import { Random } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { findWeights } from "../weights/index.ts";
import { asFile, cutSquare } from "./patches.ts";
import { type Photograph, readPhotograph, type Skipped } from "./photographs.ts";
import { type Example, type Restoration, withMarginCut } from "./task.ts";

/** What outputs are judged by, as 8-bit files hold them. */
const metrics = "psnr, ssim, lpips";
/** What stands in where a published network's weights are missing. */
const embedded = "lpips(net=tiny)";
/** The largest squares that are judged, in pixels, and the most of them. */
const largestSide = 256;
const mostSquares = 24;
const mostOfOne = 4;

/** A held-out square with what there is of it without the network. */
export interface HeldOut extends Example {
  readonly name: string;
  readonly baseline: Tensor;
}

/** What outputs score, the mean over the held-out squares, by loss. */
export type Scores = Readonly<Record<string, number>>;

/** Where the squares of an image lie: side by side along its longer side. */
function squares({ width, height }: Pixels, multiple: number, margin: number) {
  const fit = Math.min(largestSide, Math.min(width, height) - 2 * margin);
  const side = Math.floor(fit / multiple) * multiple;
  const whole = side + 2 * margin;
  if (side < 1) return [];
  const count = Math.min(mostOfOne, Math.floor(Math.max(width, height) / whole));
  return Array.from({ length: count }, (_, index) => {
    const along = Math.round(((index + 1) * (Math.max(width, height) - count * whole)) / (count + 1)) + index * whole;
    const across = Math.floor((Math.min(width, height) - whole) / 2);
    const [left, top] = width > height ? [along, across] : [across, along];
    return { left, top, side: whole, position: 0 };
  });
}

/** Some of a list, evenly spread. */
function spread<T>(things: readonly T[], most: number): readonly T[] {
  if (things.length <= most) return things;
  return Array.from({ length: most }, (_, index) => things[Math.floor((index * things.length) / most)]);
}

/**
 * The squares of held-out photographs that outputs are judged by, spoiled always in the same way.
 *
 * @throws {ReconlossError} `image` when none of the photographs can be used
 */
export async function heldOutSquares(
  restoration: Restoration,
  photographs: readonly Photograph[],
  options: AlphaOptions,
): Promise<{ squares: HeldOut[]; skipped: Skipped[] }> {
  const { margin, scale, baseline } = restoration;
  const found: HeldOut[] = [];
  const skipped: Skipped[] = [];
  for (const photograph of spread(photographs, mostSquares)) {
    try {
      const pixels = await readPhotograph(photograph, options);
      const places = squares(pixels, scale, margin);
      if (places.length === 0) {
        skipped.push({ path: photograph.path, reason: `it has ${pixels.width}x${pixels.height} pixels, too few` });
      }
      for (const [index, place] of places.entries()) {
        const random = new Random("held out", photograph.name, index);
        const example = withMarginCut(restoration, cutSquare(pixels, place), random);
        const name = index === 0 ? photograph.name : `${photograph.name} (${index + 1})`;
        found.push({ ...example, name, baseline: asFile(baseline.of(example.input)) });
      }
    } catch (error) {
      if (!(error instanceof ReconlossError) || error.code === "missing-dependency") throw error;
      skipped.push({ path: photograph.path, reason: error.message });
    }
  }
  if (found.length > 0) return { squares: [...spread(found, mostSquares)], skipped };
  const [first] = skipped;
  throw new ReconlossError("image", `validation: no held-out photograph can be used; ${first.path}: ${first.reason}`);
}

/** The losses that can be computed of images of this size on this machine without downloading anything, and why the others cannot. */
export async function availableMetrics(example: Example): Promise<{ losses: Loss[]; left: string[] }> {
  const losses: Loss[] = [];
  const left: string[] = [];
  for (const wanted of parseLosses(metrics)) {
    const missing = await missingWeights(wanted);
    if (missing !== undefined) {
      left.push(`${wanted.spec}: the weights ${missing} are not on this machine; ${embedded} stands in`);
    }
    const loss = missing === undefined ? wanted : parseLoss(embedded);
    try {
      await loss.value(example.target, example.target);
      losses.push(loss);
    } catch (error) {
      if (!(error instanceof ReconlossError) || error.code !== "shape") throw error;
      left.push(error.message);
    }
  }
  return { losses, left };
}

async function missingWeights({ definition }: Loss): Promise<string | undefined> {
  for (const name of definition?.weights ?? []) if ((await findWeights(name)) === undefined) return name;
  return undefined;
}

/** The means of losses over pairs. */
export async function score(
  losses: readonly Loss[],
  pairs: readonly (readonly [output: Tensor, target: Tensor])[],
): Promise<Scores> {
  const sums = losses.map(() => 0);
  for (const [output, target] of pairs) {
    for (const [index, loss] of losses.entries()) sums[index] += await loss.value(output, target);
  }
  return Object.fromEntries(losses.map(({ spec }, index) => [spec, sums[index] / pairs.length]));
}
