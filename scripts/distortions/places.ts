import type { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";

function inside(position: number, length: number): number {
  return Math.min(length - 1, Math.max(0, position));
}

/** The four weights of cubic convolution (Keys 1981, a = -0.5) at a place between the second and the third of four pixels. */
function cubicWeights(share: number, to: Float64Array, start: number): void {
  const t = share;
  to[start] = ((-0.5 * t + 1) * t - 0.5) * t;
  to[start + 1] = (1.5 * t - 2.5) * t * t + 1;
  to[start + 2] = ((-1.5 * t + 2) * t + 0.5) * t;
  to[start + 3] = (0.5 * t - 0.5) * t * t;
}

/**
 * Every pixel from another place, by a vector in pixels for each. Pixels between pixels are cubic, those beyond the border repeat the last.
 *
 * @param image - [n, c, h, w] in [0, 1]
 */
export function displaced(image: Tensor, vector: (x: number, y: number) => readonly [number, number]): Tensor {
  const [n, c, h, w] = image.shape;
  const result = new Float32Array(image.data.length);
  const weights = new Float64Array(8);
  const columns = new Int32Array(4);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [across, down] = vector(x, y);
      const fromX = inside(x + across, w);
      const fromY = inside(y + down, h);
      const left = Math.floor(fromX);
      const top = Math.floor(fromY);
      cubicWeights(fromX - left, weights, 0);
      cubicWeights(fromY - top, weights, 4);
      for (let k = 0; k < 4; k++) columns[k] = inside(left - 1 + k, w);
      for (let plane = 0; plane < n * c; plane++) {
        let sum = 0;
        for (let j = 0; j < 4; j++) {
          const row = plane * h * w + inside(top - 1 + j, h) * w;
          let line = 0;
          for (let k = 0; k < 4; k++) line += weights[k] * image.data[row + columns[k]];
          sum += weights[4 + j] * line;
        }
        result[plane * h * w + y * w + x] = Math.min(1, Math.max(0, sum));
      }
    }
  }
  return new Tensor(result, image.shape);
}

/** A wave over the plane, from -1 to 1, of a length in pixels. */
function waveOf(length: number, random: Random): (x: number, y: number) => number {
  const angle = random.between(0, 2 * Math.PI);
  const [alongX, alongY] = [Math.cos(angle), Math.sin(angle)].map((part) => (2 * Math.PI * part) / length);
  const phase = random.between(0, 2 * Math.PI);
  return (x, y) => Math.sin(alongX * x + alongY * y + phase);
}

/**
 * The image pushed out of place: a shift and two waves along either axis, drawn anew for every call. Pixels between pixels are cubic, those beyond the
 * border repeat the last.
 *
 * @param image - [n, c, h, w] in [0, 1]
 * @param reach - in pixels: how far a part of the displacement goes at most; three parts are added
 */
export function warp(image: Tensor, reach: number, random: Random): Tensor {
  const axis = () => {
    const shift = random.between(-1, 1);
    const waves = [1, 2].map(() => {
      const wave = waveOf(random.between(24, 96), random);
      return { wave, size: random.between(0.3, 1) };
    });
    return (x: number, y: number) => {
      let sum = shift;
      for (const { wave, size } of waves) sum += size * wave(x, y);
      return reach * sum;
    };
  };
  const [across, down] = [axis(), axis()];
  return displaced(image, (x, y) => [across(x, y), down(x, y)]);
}

/**
 * The image as through ribbed glass or moving water: two short waves along either axis, drawn anew for every call.
 *
 * @param image - [n, c, h, w] in [0, 1]
 * @param steepness - how far a wave displaces, as a share of its length (3 to 16 pixels)
 */
export function ripple(image: Tensor, steepness: number, random: Random): Tensor {
  const axis = () => {
    const waves = [1, 2].map(() => {
      const length = random.between(3, 16);
      return { wave: waveOf(length, random), size: steepness * length };
    });
    return (x: number, y: number) => waves.reduce((sum, { wave, size }) => sum + size * wave(x, y), 0);
  };
  const [across, down] = [axis(), axis()];
  return displaced(image, (x, y) => [across(x, y), down(x, y)]);
}

/**
 * A double image, as of a reflection in the lens or of a signal that came twice: a weaker copy, 6 to 24 pixels away.
 *
 * @param image - [n, c, h, w] in [0, 1]
 * @param share - of the copy, in [0, 1]
 */
export function ghost(image: Tensor, share: number, random: Random): Tensor {
  const [distance, angle] = [random.between(6, 24), random.between(0, 2 * Math.PI)];
  const copy = displaced(image, () => [distance * Math.cos(angle), distance * Math.sin(angle)]).data;
  return new Tensor(
    image.data.map((value, at) => value + share * (copy[at] - value)),
    image.shape,
  );
}

/**
 * The image moved while the shutter was open: every pixel the mean along a line.
 *
 * @param image - [n, c, h, w]
 * @param length - of the line, in pixels; 0 changes nothing
 * @param degrees - its direction: 0 is across, 90 is down
 */
export function motionBlur(image: Tensor, length: number, degrees: number): Tensor {
  const [n, c, h, w] = image.shape;
  const [dx, dy] = [Math.cos, Math.sin].map((part) => part((degrees * Math.PI) / 180));
  const steps = Math.ceil(length);
  // The weights of whole pixels: points along the line, each shared bilinearly.
  const taps = new Map<string, { x: number; y: number; weight: number }>();
  for (let step = 0; step <= steps; step++) {
    const along = steps === 0 ? 0 : (step / steps - 0.5) * length;
    const [atX, atY] = [dx * along, dy * along].map((at) => Math.round(at * 1e6) / 1e6);
    const [left, top] = [Math.floor(atX), Math.floor(atY)];
    for (const [x, y] of [0, 1, 2, 3].map((i) => [left + (i & 1), top + (i >> 1)])) {
      const weight = (1 - Math.abs(x - atX)) * (1 - Math.abs(y - atY));
      if (weight <= 0) continue;
      const tap = taps.get(`${x},${y}`) ?? { x, y, weight: 0 };
      tap.weight += weight / (steps + 1);
      taps.set(`${x},${y}`, tap);
    }
  }
  const sums = new Float64Array(image.data.length);
  for (const { x: right, y: below, weight } of taps.values()) {
    const columns = Int32Array.from({ length: w }, (_, x) => inside(x + right, w));
    for (let line = 0; line < n * c * h; line++) {
      const plane = line - (line % h);
      const from = (plane + inside((line % h) + below, h)) * w;
      for (let x = 0; x < w; x++) sums[line * w + x] += weight * image.data[from + columns[x]];
    }
  }
  return Tensor.from(sums, image.shape);
}

/**
 * The image in squares of one colour each, the mean of theirs.
 *
 * @param image - [n, c, h, w]
 * @param side - of a square in pixels, at least 1; it may be a broken number, where squares differ by one pixel
 */
export function mosaic(image: Tensor, side: number): Tensor {
  const [n, c, h, w] = image.shape;
  const perRow = Math.floor((w - 1) / side) + 1;
  const cells = perRow * (Math.floor((h - 1) / side) + 1);
  const column = Int32Array.from({ length: w }, (_, x) => Math.floor(x / side));
  const result = new Float32Array(image.data.length);
  for (let plane = 0; plane < n * c; plane++) {
    const [sums, counts] = [new Float64Array(cells), new Int32Array(cells)];
    const cellAt = (y: number, x: number) => Math.floor(y / side) * perRow + column[x];
    const start = plane * h * w;
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const cell = cellAt(y, x);
        sums[cell] += image.data[start + y * w + x];
        counts[cell]++;
      }
    }
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) result[start + y * w + x] = sums[cellAt(y, x)] / counts[cellAt(y, x)];
    }
  }
  return new Tensor(result, image.shape);
}

/**
 * As through frosted glass: every pixel is one from nearby, drawn anew for every call.
 *
 * @param image - [n, c, h, w]
 * @param reach - how far away along either axis at most, in pixels
 */
export function scatter(image: Tensor, reach: number, random: Random): Tensor {
  const [n, c, h, w] = image.shape;
  const result = new Float32Array(image.data.length);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const fromX = inside(Math.round(x + reach * random.between(-1, 1)), w);
      const fromY = inside(Math.round(y + reach * random.between(-1, 1)), h);
      for (let plane = 0; plane < n * c; plane++) {
        result[(plane * h + y) * w + x] = image.data[(plane * h + fromY) * w + fromX];
      }
    }
  }
  return new Tensor(result, image.shape);
}

/**
 * As of a sensor or a line that stuttered: pixels repeat the one before them along rows or along columns, so that colours run on for a while, each line by itself.
 *
 * @param image - [n, c, h, w]
 * @param share - of the pixels that repeat, in [0, 1]
 */
export function heldPixels(image: Tensor, share: number, random: Random): Tensor {
  const [n, c, h, w] = image.shape;
  const across = random.uniform() < 0.5;
  const [lines, length] = across ? [h, w] : [w, h];
  const [betweenLines, step] = across ? [w, 1] : [1, w];
  const result = Float32Array.from(image.data);
  for (let line = 0; line < lines; line++) {
    for (let position = 1; position < length; position++) {
      if (random.uniform() >= share) continue;
      const at = line * betweenLines + position * step;
      for (let plane = 0; plane < n * c; plane++) result[plane * h * w + at] = result[plane * h * w + at - step];
    }
  }
  return new Tensor(result, image.shape);
}

/** The nearest pixel, as an index, of those that were kept: squares around it are looked through until none farther out can be nearer. */
function nearestKept(kept: Uint8Array, h: number, w: number, x: number, y: number): number {
  let [nearest, least] = [y * w + x, Number.POSITIVE_INFINITY];
  for (let reach = 1; reach * reach < least && reach < Math.max(h, w); reach++) {
    for (let down = -reach; down <= reach; down++) {
      const row = y + down;
      if (row < 0 || row >= h) continue;
      const step = Math.abs(down) === reach ? 1 : 2 * reach;
      for (let right = -reach; right <= reach; right += step) {
        const column = x + right;
        const distance = right * right + down * down;
        if (column < 0 || column >= w || !kept[row * w + column] || distance >= least) continue;
        [nearest, least] = [row * w + column, distance];
      }
    }
  }
  return nearest;
}

/**
 * The image known at some of its pixels alone, the others filled with the nearest of these.
 *
 * @param image - [n, c, h, w]
 * @param share - of the pixels that are known, in [0, 1]
 */
export function lostPixels(image: Tensor, share: number, random: Random): Tensor {
  const [n, c, h, w] = image.shape;
  const kept = Uint8Array.from({ length: h * w }, () => Number(random.uniform() < share));
  const result = Float32Array.from(image.data);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const at = y * w + x;
      if (kept[at]) continue;
      const from = nearestKept(kept, h, w, x, y);
      for (let plane = 0; plane < n * c; plane++) result[plane * h * w + at] = image.data[plane * h * w + from];
    }
  }
  return new Tensor(result, image.shape);
}
