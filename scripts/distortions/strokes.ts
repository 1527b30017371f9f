import type { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";

/** Strokes together cover an image so many times: here and there what was before shows between them. */
const layers = 3;

/** The pixels of a stroke, as indices into a plane: a rectangle or an ellipse that is turned round its centre. */
function strokePixels(
  [h, w]: readonly [number, number],
  { x, y, angle, length, width, round }: Record<"x" | "y" | "angle" | "length" | "width", number> & { round: boolean },
): number[] {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [right, down] = [
    (Math.abs(cos) * length + Math.abs(sin) * width) / 2,
    (Math.abs(sin) * length + Math.abs(cos) * width) / 2,
  ];
  const pixels: number[] = [];
  for (let row = Math.max(0, Math.ceil(y - down)); row <= Math.min(h - 1, y + down); row++) {
    for (let column = Math.max(0, Math.ceil(x - right)); column <= Math.min(w - 1, x + right); column++) {
      const along = (2 * (cos * (column - x) + sin * (row - y))) / length;
      const across = (2 * (cos * (row - y) - sin * (column - x))) / width;
      const reach = round ? Math.hypot(along, across) : Math.max(Math.abs(along), Math.abs(across));
      if (reach <= 1) pixels.push(row * w + column);
    }
  }
  return pixels;
}

/**
 * The image painted over with strokes of one colour each, the mean of what they cover, as filters and networks that imitate paintings leave it. Strokes are
 * rectangles or ellipses, up to four times as long as wide, of one direction or of many.
 *
 * @param image - [n, c, h, w]
 * @param width - of a stroke in pixels, at least 1
 * @param opacity - of the paint, in [0, 1]
 */
export function strokes(image: Tensor, width: number, opacity: number, random: Random): Tensor {
  const [n, c, h, w] = image.shape;
  const plane = h * w;
  const round = random.uniform() < 0.5;
  const ratio = random.between(1, 4);
  const direction = random.pick([0, Math.PI / 2, random.between(0, Math.PI)]);
  const spread = random.pick([0, random.between(0, Math.PI / 2)]);
  const length = ratio * width;
  const result = Float32Array.from(image.data);
  const count = Math.ceil((layers * plane) / (length * width));
  for (let stroke = 0; stroke < count; stroke++) {
    const [x, y] = [random.between(0, w), random.between(0, h)];
    const angle = direction + spread * random.between(-1, 1);
    const pixels = strokePixels([h, w], { x, y, angle, length, width, round });
    for (let start = 0; start < n * c * plane; start += plane) {
      const colour = pixels.reduce((sum, at) => sum + image.data[start + at], 0) / pixels.length;
      for (const at of pixels) result[start + at] += opacity * (colour - result[start + at]);
    }
  }
  return new Tensor(result, image.shape);
}
