import { Tensor } from "../../packages/core/src/tensor.ts";

function limit(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** Every colour to another, in place of the image's. */
function mapColours(image: Tensor, change: (r: number, g: number, b: number, to: number[]) => void): Tensor {
  const [n, , h, w] = image.shape;
  const plane = h * w;
  const { data } = image;
  const result = new Float32Array(data.length);
  const to = [0, 0, 0];
  for (let index = 0; index < n; index++) {
    const end = (3 * index + 1) * plane;
    for (let at = 3 * index * plane; at < end; at++) {
      change(data[at], data[at + plane], data[at + 2 * plane], to);
      result[at] = limit(to[0]);
      result[at + plane] = limit(to[1]);
      result[at + 2 * plane] = limit(to[2]);
    }
  }
  return new Tensor(result, image.shape);
}

/**
 * Values raised to a power: below 1 lifts the shadows, above 1 sinks them.
 *
 * @param image - [n, c, h, w] in [0, 1]
 */
export function gamma(image: Tensor, exponent: number): Tensor {
  return new Tensor(
    image.data.map((value) => limit(value) ** exponent),
    image.shape,
  );
}

/**
 * Values spread from, or drawn to, a grey: `grey + factor (x - grey)`, limited to [0, 1].
 *
 * @param image - [n, c, h, w] in [0, 1]
 * @param factor - 1 changes nothing, 0 leaves nothing
 */
export function contrast(image: Tensor, factor: number, grey = 0.5): Tensor {
  return new Tensor(
    image.data.map((value) => limit(grey + factor * (value - grey))),
    image.shape,
  );
}

/**
 * Colours drawn to the grey of their brightness (BT.601), or away from it, limited to [0, 1].
 *
 * @param image - [n, 3, h, w] in [0, 1]
 * @param factor - 1 changes nothing, 0 leaves grey
 */
export function saturate(image: Tensor, factor: number): Tensor {
  return mapColours(image, (r, g, b, to) => {
    const grey = 0.299 * r + 0.587 * g + 0.114 * b;
    to[0] = grey + factor * (r - grey);
    to[1] = grey + factor * (g - grey);
    to[2] = grey + factor * (b - grey);
  });
}

/**
 * Colours turned about the grey axis of YIQ, brightness kept, limited to [0, 1].
 *
 * @param image - [n, 3, h, w] in [0, 1]
 * @param degrees - 180 gives the opposite colours
 */
export function turnHue(image: Tensor, degrees: number): Tensor {
  const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  return mapColours(image, (r, g, b, to) => {
    const i = 0.5959 * r - 0.2746 * g - 0.3213 * b;
    const q = 0.2115 * r - 0.5227 * g + 0.3112 * b;
    // What differs between the turned colour and the old one, so that no turn is exactly no change.
    const di = i * (cos - 1) - q * sin;
    const dq = i * sin + q * (cos - 1);
    to[0] = r + 0.9563 * di + 0.621 * dq;
    to[1] = g - 0.2721 * di - 0.6474 * dq;
    to[2] = b - 1.107 * di + 1.7046 * dq;
  });
}

/**
 * Every value to the nearest of a few, equally far apart, black being one of them.
 *
 * @param image - [n, c, h, w] in [0, 1]
 * @param levels - how many from 0 to 1, at least 2; it may be a broken number, where white is not one of them
 */
export function posterise(image: Tensor, levels: number): Tensor {
  const step = 1 / (levels - 1);
  return new Tensor(
    image.data.map((value) => limit(Math.round(value / step) * step)),
    image.shape,
  );
}

/**
 * All colours on their way to one, as through fog.
 *
 * @param image - [n, c, h, w]
 * @param share - of the colour: 0 changes nothing, 1 leaves nothing else
 * @param colour - a number for each channel
 */
export function fade(image: Tensor, share: number, colour: readonly number[]): Tensor {
  const [, channels, h, w] = image.shape;
  return new Tensor(
    image.data.map((value, at) => value + share * (colour[Math.floor(at / (h * w)) % channels] - value)),
    image.shape,
  );
}
