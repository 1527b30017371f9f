import { Random, ReconlossError, Tensor } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";

function check(caller: string, argument: string, value: number, least: number): void {
  if (Number.isFinite(value) && value >= least) return;
  throw new ReconlossError("invalid-argument", `${caller}: ${argument} must be finite and >= ${least}, got ${value}`);
}

function limit(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** Position -1, -2, ... of a row is 1, 2, ...: the border is a mirror, and the pixel on it is not repeated. */
function mirror(position: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const inside = ((position % period) + period) % period;
  return inside < length ? inside : period - inside;
}

/**
 * The image out of focus: a Gaussian blur, mirrored at the border.
 *
 * @param image - [n, c, h, w]
 * @param sigma - standard deviation in pixels; 0 changes nothing
 * @throws {ReconlossError} `invalid-argument` for a negative or non-finite sigma
 */
export function blur(image: Tensor, sigma: number): Tensor {
  checkArguments("blur", { image: [image, "tensor"], sigma: [sigma, "number"] });
  check("blur", "sigma", sigma, 0);
  if (sigma === 0) return Tensor.from(image.data, image.shape);
  const reach = Math.ceil(4 * sigma);
  // Half of the bell, from its middle: the other half is the same.
  const bell = Float64Array.from({ length: reach + 1 }, (_, index) => Math.exp(-(index ** 2) / (2 * sigma ** 2)));
  const sum = 2 * bell.reduce((total, weight) => total + weight, 0) - 1;
  const [n, c, h, w] = image.shape;

  /** One direction of the blur: lines of `length` pixels that lie `step` apart. */
  const along = (source: Float32Array, length: number, step: number, starts: readonly number[]): Float32Array => {
    const result = new Float32Array(source.length);
    const mirrored = Array.from(
      { length: length + 2 * reach },
      (_, position) => step * mirror(position - reach, length),
    );
    const line = new Float64Array(mirrored.length);
    for (const start of starts) {
      for (let position = 0; position < line.length; position++) line[position] = source[start + mirrored[position]];
      for (let position = 0; position < length; position++) {
        const middle = position + reach;
        let total = line[middle];
        for (let index = 1; index <= reach; index++) {
          total += bell[index] * (line[middle - index] + line[middle + index]);
        }
        result[start + step * position] = total / sum;
      }
    }
    return result;
  };
  const rows = Array.from({ length: n * c * h }, (_, row) => row * w);
  const columns = Array.from({ length: n * c * w }, (_, column) => Math.floor(column / w) * h * w + (column % w));
  return new Tensor(along(along(image.data, w, 1, rows), h, w, columns), image.shape);
}

/**
 * The image with independent Gaussian noise on every value, limited to [0, 1]; the same seed gives the same noise.
 *
 * @param sigma - standard deviation, in units of the image
 * @throws {ReconlossError} `invalid-argument` for a negative or non-finite sigma
 */
export function noise(image: Tensor, sigma: number, seed: number): Tensor {
  checkArguments("noise", { image: [image, "tensor"], sigma: [sigma, "number"], seed: [seed, "number"] });
  check("noise", "sigma", sigma, 0);
  const random = new Random(seed);
  return new Tensor(
    image.data.map((value) => limit(value + sigma * random.normal())),
    image.shape,
  );
}

function toLinear(value: number): number {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

function fromLinear(value: number): number {
  return value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055;
}

/**
 * The image as if less light, or more, had reached the camera, equally or by colour: values are multiplied in linear light (sRGB, IEC 61966-2-1) and
 * limited to [0, 1].
 *
 * @param image - [n, c, h, w] in [0, 1]
 * @param gains - one number for all channels, or one for each: `[1.2, 1, 0.8]` is a warm cast
 * @throws {ReconlossError} `invalid-argument` for gains that are negative, not finite, or not one for each channel
 */
export function expose(image: Tensor, gains: number | readonly number[]): Tensor {
  checkArguments("expose", { image: [image, "tensor"] });
  const [, channels, h, w] = image.shape;
  const each = typeof gains === "number" ? Array.from({ length: channels }, () => gains) : gains;
  if (each.length !== channels) {
    throw new ReconlossError("invalid-argument", `expose: ${channels} channels need as many gains, got ${each.length}`);
  }
  for (const gain of each) check("expose", "gain", gain, 0);
  return new Tensor(
    image.data.map((value, index) => {
      return fromLinear(limit(toLinear(limit(value)) * each[Math.floor(index / (h * w)) % channels]));
    }),
    image.shape,
  );
}
