import { type PreparedImage, ReconlossError, type Tensor, toImageSync } from "@reconloss/core";
import { formatShape } from "@reconloss/core/internal";
import { resize } from "@reconloss/core/pixels";
import { cropped } from "./crop.ts";
import type { Images } from "./measure.ts";

/** The treatments of a pair of two sizes: it fails, both are cropped to what they have in common, or the output is resized. */
export const fits = ["error", "crop", "resize"] as const;

/** One of {@link fits}. */
export type Fit = (typeof fits)[number];

/** Sizes that are cropped differ by so many pixels, or by this part of the target's side. */
const [mostPixels, mostPart] = [16, 0.1];

/** The filter that outputs are resized by. */
const filter = "clean";

/** Images of one size, with the weight of the target's pixels, and what was done for it. */
export interface Fitted {
  readonly images: Images;
  readonly weight?: Tensor;
  /** A sentence on what was done, without a capital letter or a point. */
  readonly text?: string;
}

const sizeOf = ({ shape }: PreparedImage) => [shape[2], shape[3]] as const;

/**
 * Brings two images to one size. Cropped are rows at the bottom and columns at the right, as `modcrop` does; what was cut off elsewhere shows as a shift.
 *
 * @param weight - [1, 1, h, w] of the target
 * @throws {ReconlossError} `shape` for two sizes under `error`, and under `crop` for sizes that differ by more than a little
 */
export function fitImages({ output, target }: Images, weight: Tensor | undefined, fit: Fit): Fitted {
  const [ofOutput, ofTarget] = [sizeOf(output), sizeOf(target)];
  if (ofOutput[0] === ofTarget[0] && ofOutput[1] === ofTarget[1]) return { images: { output, target }, weight };
  const shapes = `output is ${formatShape(output.shape)} but target is ${formatShape(target.shape)}`;
  if (fit === "error") {
    throw new ReconlossError("shape", `compare: ${shapes}; both must have the same height and width`);
  }
  if (fit === "resize") {
    const resized = toImageSync(resize(output.tensor, ofTarget, filter));
    const text = "the output was resized to the size of its target (bicubic, antialiased)";
    return { images: { output: resized, target }, weight, text };
  }
  const isNear = ([0, 1] as const).every(
    (axis) => Math.abs(ofOutput[axis] - ofTarget[axis]) <= Math.max(mostPixels, mostPart * ofTarget[axis]),
  );
  if (!isNear) {
    const most = `${mostPixels} pixels or a tenth of a side`;
    throw new ReconlossError("shape", `compare: ${shapes}; sizes that differ by more than ${most} are not cropped`);
  }
  const size = ([0, 1] as const).map((axis) => Math.min(ofOutput[axis], ofTarget[axis])) as unknown as readonly [
    number,
    number,
  ];
  const off = `${Math.abs(ofOutput[1] - ofTarget[1])}x${Math.abs(ofOutput[0] - ofTarget[0])}`;
  const text = `output and target differ in size by ${off} pixels and were cropped at the right and bottom to their common size`;
  const images = { output: cropped(output, size), target: cropped(target, size) };
  return { images, weight: weight && cropped(weight, size), text };
}
