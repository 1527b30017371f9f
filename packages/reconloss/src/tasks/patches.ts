import { type Random, Tensor } from "@reconloss/core";
import type { Pixels } from "../image/index.ts";

/** A square of an image: where it begins, its side, and in which of the eight positions of a square it is laid. */
export interface Cut {
  readonly left: number;
  readonly top: number;
  readonly side: number;
  /** 0 to 7: the bits say transposed, upside down, mirrored. */
  readonly position: number;
}

/** A random square of an image at least so large. */
export function randomCut({ width, height }: Pixels, side: number, random: Random): Cut {
  const left = random.below(width - side + 1);
  const top = random.below(height - side + 1);
  return { left, top, side, position: random.below(8) };
}

/** Channels of the images that a network takes: grey, or RGB. */
export type Colours = 1 | 3;

/** A square of an image, [1, colours, side, side] in [0, 1]. */
export function cutSquare(pixels: Pixels, { left, top, side, position }: Cut, colours: Colours = 3): Tensor {
  const [transposed, upsideDown, mirrored] = [position & 4, position & 2, position & 1];
  const row = pixels.width;
  const first = (top + (upsideDown ? side - 1 : 0)) * row + left + (mirrored ? side - 1 : 0);
  const steps = [upsideDown ? -row : row, mirrored ? -1 : 1] as const;
  const [down, across] = transposed ? [steps[1], steps[0]] : steps;
  return cut(pixels, first, { down, across }, [side, side], colours);
}

/** A rectangle of an image: where it begins, and its size. */
export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A rectangle of an image, [1, colours, height, width] in [0, 1]. */
export function cutRectangle(pixels: Pixels, { left, top, width, height }: Rectangle, colours: Colours = 3): Tensor {
  return cut(pixels, top * pixels.width + left, { down: pixels.width, across: 1 }, [height, width], colours);
}

/** The weights of colours in grey: the luma of BT.601, as Pillow's `convert("L")` before it rounds. */
const lumaWeights = [0.299, 0.587, 0.114] as const;

/** Pixels in rows and columns, from the number of the first and the steps to the one below and the one beside. */
function cut(
  { data, channels }: Pixels,
  first: number,
  { down, across }: { down: number; across: number },
  [height, width]: readonly [number, number],
  colours: Colours,
): Tensor {
  const into = new Float32Array(colours * height * width);
  const [red, green, blue] = lumaWeights;
  const scale = 1 / (data instanceof Uint16Array ? 65535 : 255);
  const area = height * width;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (first + y * down + x * across) * channels;
      if (colours === 1) {
        const level = channels < 3 ? data[at] : red * data[at] + green * data[at + 1] + blue * data[at + 2];
        into[y * width + x] = level * scale;
        continue;
      }
      for (let c = 0; c < 3; c++) into[c * area + y * width + x] = data[channels < 3 ? at : at + c] * scale;
    }
  }
  return new Tensor(into, [1, colours, height, width]);
}

/** The inner part of a batch, without `border` rows and columns on every side. */
export function withoutBorder(image: Tensor, border: number): Tensor {
  if (border === 0) return image;
  const [n, c, h, w] = image.shape;
  const [height, width] = [h - 2 * border, w - 2 * border];
  const inner = new Float32Array(n * c * height * width);
  for (let plane = 0; plane < n * c; plane++) {
    for (let y = 0; y < height; y++) {
      const start = (plane * h + y + border) * w + border;
      inner.set(image.data.subarray(start, start + width), (plane * height + y) * width);
    }
  }
  return new Tensor(inner, [n, c, height, width]);
}

/** A batch whose last rows and columns are repeated until height and width are multiples. */
export function padToMultiple({ data, shape: [n, c, h, w] }: Tensor, multiple: number): Tensor {
  const [height, width] = [h, w].map((size) => Math.ceil(size / multiple) * multiple);
  const padded = new Float32Array(n * c * height * width);
  for (let i = 0; i < padded.length; i++) {
    const [x, y, plane] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height))];
    padded[i] = data[(plane * h + Math.min(y, h - 1)) * w + Math.min(x, w - 1)];
  }
  return new Tensor(padded, [n, c, height, width]);
}

/** The first rows and columns of a batch. */
export function topLeft({ data, shape: [n, c, h, w] }: Tensor, height: number, width: number): Tensor {
  const kept = new Float32Array(n * c * height * width);
  for (let i = 0; i < kept.length; i++) {
    const [x, y, plane] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height))];
    kept[i] = data[(plane * h + y) * w + x];
  }
  return new Tensor(kept, [n, c, height, width]);
}

/** Images as 8-bit files hold them: limited to [0, 1] and rounded. */
export function asFile(images: Tensor): Tensor {
  return new Tensor(
    images.data.map((value) => Math.round(Math.min(1, Math.max(0, value)) * 255) / 255),
    images.shape,
  );
}

/** Images of one size as a batch. */
export function stack(images: readonly Tensor[]): Tensor {
  const [first] = images;
  const [, c, h, w] = first.shape;
  const data = new Float32Array(images.reduce((length, image) => length + image.data.length, 0));
  let offset = 0;
  for (const image of images) {
    data.set(image.data, offset);
    offset += image.data.length;
  }
  return new Tensor(data, [data.length / (c * h * w), c, h, w]);
}
