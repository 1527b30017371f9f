import type { Images } from "../definitions/definition.ts";
import type { ImageOptions } from "../definitions/image-options.ts";
import type { Ops } from "../graph/ops.ts";
import { prepare } from "./images.ts";

/**
 * Means of the square patches of images and of their weight, [n, 1, h / side, w / side]; rows and columns beyond the last whole patch are left out.
 *
 * @param level - what is subtracted from the images: of means near it, float32 then holds more digits
 */
export function patchMeans<T>(o: Ops<T>, images: Images<T>, options: ImageOptions, side: number, level = 0): Images<T> {
  const { output, target, weight } = prepare(o, images, options);
  // Rows, then columns: shorter sums keep more digits of float32.
  const mean = (x: T) => o.avgPool(o.avgPool(o.mean(x, "c"), [1, side]), [side, 1]);
  const fromLevel = (x: T) => mean(level === 0 ? x : o.sub(x, level));
  return {
    output: fromLevel(output),
    target: fromLevel(target),
    ...(weight === undefined ? {} : { weight: mean(weight) }),
  };
}

/** Every pixel of images with the value of its patch; 0 beyond the last whole one. */
export function patchesAsPixels<T>(o: Ops<T>, patches: T, images: Images<T>, options: ImageOptions, side: number): T {
  const ones = o.constant(new Float32Array(side * side).fill(1), [1, 1, side, side]);
  return o.convInput(patches, ones, o.mean(prepare(o, images, options).output, "c"), { stride: side });
}
