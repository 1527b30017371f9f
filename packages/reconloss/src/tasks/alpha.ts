import { ReconlossError, Tensor } from "@reconloss/core";
import { checkArguments, formatShape } from "@reconloss/core/internal";
import { type FloatPixels, type Pixels, resize } from "../image/index.ts";

/** An image's colours and how opaque each pixel is. */
export interface SeparatedAlpha {
  /** [1, 1 | 3, h, w]. */
  readonly image: Tensor;
  /** [1, 1, h, w] in [0, 1]; undefined where the pixels have none. */
  readonly alpha?: Tensor;
}

/**
 * Colours and alpha of pixels by themselves, for a network that knows colours alone. Colours are straight, as stored; where alpha is 0 they say nothing, and those of the nearest
 * visible pixels stand there, so that nothing invisible reaches what is visible through the network's receptive field.
 *
 * @returns the colours, [1, 1 | 3, h, w], and alpha, [1, 1, h, w], in [0, 1]
 *
 * @example
 * ```ts
 * import { separateAlpha } from "reconloss/tasks";
 * // A red pixel beside a transparent one, whose stored black counts for nothing.
 * const { image, alpha } = separateAlpha({ data: Uint8Array.of(255, 0, 0, 255, 0, 0, 0, 0), width: 2, height: 1, channels: 4 });
 * Array.from(image.data); // [1, 1, 0, 0, 0, 0]
 * Array.from(alpha?.data ?? []); // [1, 0]
 * ```
 */
export function separateAlpha(pixels: Pixels | FloatPixels): SeparatedAlpha {
  checkArguments("separateAlpha", { pixels: [pixels, "object", ["data", "width", "height", "channels"]] });
  const { data, width, height, channels } = pixels;
  const white = data instanceof Float32Array ? 1 : data instanceof Uint16Array ? 65535 : 255;
  const area = width * height;
  const colours = channels > 2 ? 3 : 1;
  const planes = new Float32Array(colours * area);
  for (let c = 0; c < colours; c++) {
    for (let i = 0; i < area; i++) planes[c * area + i] = data[i * channels + c] / white;
  }
  const image = new Tensor(planes, [1, colours, height, width]);
  if (channels % 2 === 1) return { image };
  const alpha = new Float32Array(area);
  for (let i = 0; i < area; i++) alpha[i] = data[i * channels + channels - 1] / white;
  fillInvisible(planes, colours, alpha, height, width);
  return { image, alpha: new Tensor(alpha, [1, 1, height, width]) };
}

/** Sums of colours times alpha, and of alpha, over squares whose sides double from level to level. */
interface Level {
  readonly height: number;
  readonly width: number;
  readonly colours: Float64Array;
  readonly weight: Float64Array;
}

function coarser({ height, width, colours, weight }: Level, count: number): Level {
  const [h, w] = [Math.ceil(height / 2), Math.ceil(width / 2)];
  const sums = { height: h, width: w, colours: new Float64Array(count * h * w), weight: new Float64Array(h * w) };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [y * width + x, (y >> 1) * w + (x >> 1)];
      sums.weight[to] += weight[from];
      for (let c = 0; c < count; c++) sums.colours[c * h * w + to] += colours[c * height * width + from];
    }
  }
  return sums;
}

/** Gives pixels whose alpha is 0 the mean colour, weighted by alpha, of the smallest of those squares around them in which anything is visible. */
function fillInvisible(planes: Float32Array, count: number, alpha: Float32Array, height: number, width: number): void {
  const area = height * width;
  if (alpha.every((opacity) => opacity > 0) || alpha.every((opacity) => opacity <= 0)) return;
  const weight = Float64Array.from(alpha, (opacity) => Math.max(0, opacity));
  let level: Level = { height, width, weight, colours: Float64Array.from(planes, (x, i) => x * weight[i % area]) };
  let left = Array.from(alpha.keys()).filter((i) => !(alpha[i] > 0));
  for (let shift = 1; left.length > 0; shift++) {
    level = coarser(level, count);
    const size = level.height * level.width;
    left = left.filter((i) => {
      const at = (Math.floor(i / width) >> shift) * level.width + ((i % width) >> shift);
      if (level.weight[at] === 0) return true;
      for (let c = 0; c < count; c++) planes[c * area + i] = level.colours[c * size + at] / level.weight[at];
      return false;
    });
  }
}

/**
 * Alpha enlarged as often as a network enlarges its image: bicubic, limited to [0, 1]; unchanged for a scale of 1.
 *
 * @param alpha - [1, 1, h, w]
 * @throws {ReconlossError} `shape` for another shape
 *
 * @example
 * ```ts
 * import { Tensor } from "reconloss";
 * import { enlargeAlpha } from "reconloss/tasks";
 * enlargeAlpha(Tensor.full([1, 1, 3, 2], 0.5), 4).shape; // [1, 1, 12, 8]
 * ```
 */
export function enlargeAlpha(alpha: Tensor, scale: number): Tensor {
  checkArguments("enlargeAlpha", { alpha: [alpha, "tensor"], scale: [scale, "number"] });
  const [n, c, h, w] = alpha.shape;
  if (n !== 1 || c !== 1) throw new ReconlossError("shape", `alpha is ${formatShape(alpha.shape)}, expected 1x1xhxw`);
  if (scale === 1) return alpha;
  const { data, shape } = resize(alpha, [h * scale, w * scale], "clean");
  return new Tensor(
    data.map((opacity) => Math.min(1, Math.max(0, opacity))),
    shape,
  );
}
