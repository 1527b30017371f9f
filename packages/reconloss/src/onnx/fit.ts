import { ReconlossError, Tensor } from "@reconloss/core";
import { runResize } from "@reconloss/core/internal";
import type { Resizer } from "@reconloss/core/pixels";
import type { Pixels } from "../image/index.ts";
import { resizeAsPillow } from "./pillow.ts";

/** The resizing of images to a network's size: a resizer, or `pillow`, which is `clean` in 8 bits (see {@link resizeAsPillow}). */
export type FitResizer = Resizer | "pillow";

/** The fitting of images of any size to that of a network. */
export interface Fit {
  readonly size: readonly [height: number, width: number];
  readonly resizer: FitResizer;
  /**
   * The part of the image that is left: `none`, all of it, stretched; `center`, the middle of the image whose shorter side was resized, as torchvision's Resize and CenterCrop;
   * `square`, the central square, which is then resized. Default `none`.
   */
  readonly crop?: "none" | "center" | "square";
  /** Of `center`: what the shorter side becomes; default: the larger side of `size`. */
  readonly shorter?: number;
}

/** A part of an image. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** The most values of an image on its way: a strip whose shorter side is enlarged may be of any length. */
const mostPixels = 2 ** 26;

const resized = async (image: Pixels | Tensor, size: Fit["size"], resizer: FitResizer) =>
  resizer === "pillow" ? resizeAsPillow(image, size) : runResize(image, size, resizer);

/** Half to even, as Python rounds. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x);
}

/** A grey image or a colour image [1, 1 | 3, h, w] in [0, 1], brought to the size of a network. @throws {ReconlossError} `image` where it is far too long for that */
export async function fitImage(
  image: Pixels | Tensor,
  { size, resizer, crop = "none", shorter }: Fit,
): Promise<Tensor> {
  const [h, w] = image instanceof Tensor ? [image.shape[2], image.shape[3]] : [image.height, image.width];
  if (crop === "none") return resized(image, size, resizer);
  if (crop === "square") {
    const side = Math.min(h, w);
    const box = { top: Math.floor((h - side) / 2), left: Math.floor((w - side) / 2), height: side, width: side };
    return resized(cut(image, box), size, resizer);
  }
  const least = shorter ?? Math.max(...size);
  const longer = Math.trunc((least * Math.max(h, w)) / Math.min(h, w));
  if (least * longer > mostPixels) {
    throw new ReconlossError(
      "image",
      `is ${w}x${h}: with a shorter side of ${least} it has more than ${mostPixels} pixels`,
    );
  }
  const whole = await resized(image, h <= w ? [least, longer] : [longer, least], resizer);
  const [, , rows, columns] = whole.shape;
  const [height, width] = size;
  return cut(whole, {
    top: roundHalfEven((rows - height) / 2),
    left: roundHalfEven((columns - width) / 2),
    height,
    width,
  });
}

/** Part of an image as an image of the same kind. */
export function cut<Image extends Pixels | Tensor>(image: Image, box: Box): Image;
export function cut(image: Pixels | Tensor, { top, left, height, width }: Box): Pixels | Tensor {
  if (image instanceof Tensor) {
    const [n, c, h, w] = image.shape;
    const data = new Float32Array(n * c * height * width);
    for (let row = 0; row < n * c * height; row++) {
      const from = (Math.floor(row / height) * h + top + (row % height)) * w + left;
      data.set(image.data.subarray(from, from + width), row * width);
    }
    return new Tensor(data, [n, c, height, width]);
  }
  const { channels } = image;
  const data = image.data.slice(0, height * width * channels);
  for (let row = 0; row < height; row++) {
    const from = ((top + row) * image.width + left) * channels;
    data.set(image.data.subarray(from, from + width * channels), row * width * channels);
  }
  return { ...image, data, height, width };
}
