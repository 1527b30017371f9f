import { join } from "node:path";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { fromPixels, listImages, readImage } from "../../packages/reconloss/src/image/index.ts";
import { asFile } from "../../packages/reconloss/src/tasks/patches.ts";
import { type Photograph, readPhotograph } from "../../packages/reconloss/src/tasks/photographs.ts";
import { type Restoration, withMarginCut } from "../../packages/reconloss/src/tasks/task.ts";
import { type PhotographName, photographNames, photographPath } from "../photographs.ts";

/** One of the photographs that may be shown. */
export async function readPicture(name: PhotographName): Promise<Tensor> {
  return readImage(photographPath(name));
}

/** A photograph that no network has seen: what was left of it, what there is without a network, and what it was. */
export interface HeldOut {
  readonly name: string;
  readonly input: Tensor;
  readonly baseline: Tensor;
  readonly target: Tensor;
}

/**
 * The photographs that may be shown, then those of a folder.
 *
 * @param most - how many at most
 * @param side - of the square in the middle that is taken of each; default: the whole
 */
export async function heldOutPhotographs(
  restoration: Restoration,
  folder?: string,
  most = Number.POSITIVE_INFINITY,
  side?: number,
): Promise<HeldOut[]> {
  const pictures: Photograph[] = photographNames.map((name) => ({ name, path: photographPath(name) }));
  const names = folder === undefined ? [] : await listImages(folder);
  const all = [...pictures, ...names.map((name) => ({ name, path: join(folder as string, name) }))];
  return Promise.all(
    all.slice(0, most).map(async (photograph) => {
      const whole = fromPixels(await readPhotograph(photograph, {}));
      const image = side === undefined ? cropToMultiple(whole, restoration.scale) : middle(whole, side);
      const { input, target } = withMarginCut(restoration, image, new Random("held out", photograph.name));
      return { name: photograph.name, input, target, baseline: asFile(restoration.baseline.of(input)) };
    }),
  );
}

/** A rectangle of an image [1, c, h, w]. */
export function crop(image: Tensor, left: number, top: number, width: number, height = width): Tensor {
  const [, c, h, w] = image.shape;
  const data = new Float32Array(c * height * width);
  for (let row = 0; row < c * height; row++) {
    const [plane, y] = [Math.floor(row / height), row % height];
    const start = (plane * h + top + y) * w + left;
    data.set(image.data.subarray(start, start + width), row * width);
  }
  return new Tensor(data, [1, c, height, width]);
}

function cropToMultiple(image: Tensor, multiple: number): Tensor {
  const [, , h, w] = image.shape;
  return crop(image, 0, 0, w - (w % multiple), h - (h % multiple));
}

function middle(image: Tensor, side: number): Tensor {
  const [, , h, w] = image.shape;
  return crop(image, Math.floor((w - side) / 2), Math.floor((h - side) / 2), side);
}
