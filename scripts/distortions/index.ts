import { ReconlossError } from "../../packages/core/src/errors.ts";
import { resize } from "../../packages/core/src/pixels/resize.ts";
import type { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { blur, expose, noise } from "../../packages/reconloss/src/tasks/distort.ts";
import { bitErrors, blockTruncation, misplacedBlocks } from "./blocks.ts";
import { kuwahara, ringing } from "./filters.ts";
import { jpeg } from "./jpeg.ts";
import { ghost, heldPixels, lostPixels, mosaic, motionBlur, ripple, scatter, warp } from "./places.ts";
import { randomNetwork } from "./random-network.ts";
import { strokes } from "./strokes.ts";
import { contrast, fade, gamma, posterise, saturate, turnHue } from "./tones.ts";
import { wavelet } from "./wavelet.ts";

/**
 * A way in which an image goes wrong.
 *
 * @param image - [n, 3, h, w] in [0, 1]; it is left as it is
 * @param strength - in [0, 1]: 0 changes nothing, and more is worse
 * @param random - what is drawn: the same draws at two strengths are the same failure, weaker and stronger
 * @returns an image of the same shape in [0, 1]
 */
export type Distortion = (image: Tensor, strength: number, random: Random) => Tensor;

function limited(image: Tensor, value: (old: number, at: number) => number): Tensor {
  return new Tensor(
    image.data.map((old, at) => Math.min(1, Math.max(0, value(old, at)))),
    image.shape,
  );
}

/** One of the two directions of a change. */
function direction(random: Random): number {
  return random.uniform() < 0.5 ? -1 : 1;
}

/** Normal numbers of deviation 1 for every value of an image, in grains of a size in pixels, by channel or the same for all. */
function grainsOf(image: Tensor, size: number, random: Random): (at: number) => number {
  const [n, c, h, w] = image.shape;
  const planes = random.uniform() < 0.5 ? 1 : c;
  const fine = new Tensor(
    new Float32Array(n * planes * h * w).map(() => random.normal()),
    [n, planes, h, w],
  );
  const coarse = blur(fine, size).data;
  // Blurring by sigma divides the deviation of independent noise by 2 sigma sqrt(pi).
  const scale = Math.max(1, 2 * size * Math.sqrt(Math.PI));
  const plane = h * w;
  return (at) => scale * coarse[planes === c ? at : Math.floor(at / (c * plane)) * plane + (at % plane)];
}

/** Noise whose grains are larger than a pixel. */
function grain(image: Tensor, deviation: number, size: number, random: Random): Tensor {
  const grains = grainsOf(image, size, random);
  return limited(image, (old, at) => old + deviation * grains(at));
}

/** Detail that is stronger in some grains and weaker, or turned round, in others: noise that lies where the edges are. */
function unevenDetail(image: Tensor, deviation: number, size: number, sigma: number, random: Random): Tensor {
  const grains = grainsOf(image, size, random);
  const soft = blur(image, sigma).data;
  return limited(image, (old, at) => old + deviation * grains(at) * (old - soft[at]));
}

/** Noise that is stronger where it is brighter, as in radar and laser images. */
function speckle(image: Tensor, deviation: number, random: Random): Tensor {
  return limited(image, (old) => old * (1 + deviation * random.normal()));
}

/** Fewer pixels, enlarged again. */
function reduced(image: Tensor, factor: number): Tensor {
  const [, , h, w] = image.shape;
  const [fewer, narrower] = [h, w].map((side) => Math.max(1, Math.round(side / factor)));
  return resize(resize(image, [fewer, narrower], "pytorch-antialias"), [h, w], "clean");
}

/** Fewer pixels, each from one place alone, enlarged again: fine patterns become coarse ones. */
function aliased(image: Tensor, factor: number): Tensor {
  const [, , h, w] = image.shape;
  const [fewer, narrower] = [h, w].map((side) => Math.max(1, Math.round(side / factor)));
  return resize(resize(image, [fewer, narrower], "legacy-pytorch"), [h, w], "legacy-pytorch");
}

/** Thresholds of a 4x4 cell of ordered dithering (Bayer 1973), in sixteenths. */
const thresholds = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];

/** Few levels, and patterns of dots in place of those between. */
function dither(image: Tensor, levels: number): Tensor {
  const [, , h, w] = image.shape;
  const step = 1 / (levels - 1);
  return limited(image, (old, at) => {
    const [x, y] = [at % w, Math.floor(at / w) % h];
    return step * Math.floor(old / step + (thresholds[4 * (y % 4) + (x % 4)] + 0.5) / 16);
  });
}

/** Lines that are out of step, each by its own distance. */
function jitter(image: Tensor, reach: number, random: Random): Tensor {
  const [n, c, h, w] = image.shape;
  const across = random.uniform() < 0.5;
  const shifts = Array.from({ length: across ? h : w }, () => reach * random.between(-1, 1));
  const result = new Float32Array(image.data.length);
  const length = across ? w : h;
  const step = across ? 1 : w;
  for (let plane = 0; plane < n * c; plane++) {
    for (const [line, shift] of shifts.entries()) {
      const start = plane * h * w + line * (across ? w : 1);
      for (let position = 0; position < length; position++) {
        const from = Math.min(length - 1, Math.max(0, position + shift));
        const before = Math.floor(from);
        const after = Math.min(length - 1, before + 1);
        const share = from - before;
        const value = (1 - share) * image.data[start + before * step] + share * image.data[start + after * step];
        result[start + position * step] = value;
      }
    }
  }
  return new Tensor(result, image.shape);
}

/** Sharpens too much. */
function sharpen(image: Tensor, amount: number, sigma: number): Tensor {
  const soft = blur(image, sigma).data;
  return limited(image, (old, at) => old + amount * (old - soft[at]));
}

/** Pixels that are black, white, or wrong in one channel. */
function deadPixels(image: Tensor, share: number, random: Random): Tensor {
  const [n, c, h, w] = image.shape;
  const plane = h * w;
  const whole = random.uniform() < 0.5;
  const result = Tensor.from(image.data, image.shape);
  for (let index = 0; index < n; index++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      const [chance, value, channel] = [random.uniform(), random.below(2), random.below(c)];
      if (chance >= share) continue;
      for (let other = 0; other < c; other++) {
        if (whole || other === channel) result.data[(index * c + other) * plane + pixel] = value;
      }
    }
  }
  return result;
}

/** A pattern of even waves, as enlarging networks leave it. */
function grid(image: Tensor, height: number, random: Random): Tensor {
  const [, c, h, w] = image.shape;
  const period = random.pick([2, 3, 4, 8]);
  const both = random.uniform() < 0.5;
  const along = random.uniform() < 0.5;
  const wave = (position: number) => Math.cos((2 * Math.PI * position) / period);
  const tint = Array.from({ length: c }, () => random.between(0.5, 1));
  return limited(image, (old, at) => {
    const [x, y] = [at % w, Math.floor(at / w) % h];
    const pattern = both ? wave(x) * wave(y) : wave(along ? x : y);
    return old + height * tint[Math.floor(at / (h * w)) % c] * pattern;
  });
}

/** Squares that were lost. */
function gaps(image: Tensor, side: number, random: Random): Tensor {
  const [n, c, h, w] = image.shape;
  const result = Tensor.from(image.data, image.shape);
  for (let gap = 0; gap < 6; gap++) {
    const [centreX, centreY, grey] = [random.between(0, w), random.between(0, h), random.uniform()];
    const half = (side * Math.min(h, w)) / 2;
    const [left, right] = [centreX - half, centreX + half].map((x) => Math.min(w, Math.max(0, Math.round(x))));
    const [top, bottom] = [centreY - half, centreY + half].map((y) => Math.min(h, Math.max(0, Math.round(y))));
    for (let plane = 0; plane < n * c; plane++) {
      for (let y = top; y < bottom; y++)
        result.data.fill(grey, (plane * h + y) * w + left, (plane * h + y) * w + right);
    }
  }
  return result;
}

/** The ways, each scaled so that strength 1 is far beyond what anyone would accept and small strengths are hardly seen. */
const kinds = {
  blur: (image, strength) => blur(image, 4 * strength ** 1.5),
  noise: (image, strength, random) => noise(image, 0.3 * strength ** 1.5, random.below(2 ** 32)),
  grain: (image, strength, random) => grain(image, 0.2 * strength ** 1.5, random.between(0.6, 2.5), random),
  jpeg: (image, strength) => jpeg(image, 3 + 92 * (1 - strength) ** 2),
  lowResolution: (image, strength) => reduced(image, 1 + 5 * strength),
  aliasing: (image, strength) => aliased(image, 1 + 4 * strength),
  dither: (image, strength) => dither(image, 2 + 62 * (1 - strength) ** 3),
  jitter: (image, strength, random) => jitter(image, 6 * strength, random),
  sharpen: (image, strength, random) => sharpen(image, 5 * strength ** 1.5, random.between(0.7, 2)),
  exposure: (image, strength, random) => expose(image, 2 ** (2.5 * strength * direction(random))),
  gamma: (image, strength, random) => gamma(image, 2 ** (1.5 * strength * direction(random))),
  contrast: (image, strength, random) =>
    contrast(image, 2 ** (2.5 * strength * direction(random)), random.between(0.3, 0.7)),
  saturation: (image, strength, random) => saturate(image, direction(random) < 0 ? 1 - strength : 1 + 3 * strength),
  hue: (image, strength, random) => turnHue(image, 120 * strength * direction(random)),
  cast: (image, strength, random) =>
    expose(
      image,
      [0, 1, 2].map(() => 2 ** (2 * strength * random.between(-1, 1))),
    ),
  fade: (image, strength, random) => fade(image, 0.8 * strength, fogColour(random)),
  posterise: (image, strength) => posterise(image, 4 + 60 * (1 - strength) ** 3),
  deadPixels: (image, strength, random) => deadPixels(image, 0.15 * strength ** 2, random),
  grid: (image, strength, random) => grid(image, 0.2 * strength ** 1.5, random),
  gaps: (image, strength, random) => gaps(image, 0.35 * strength, random),
  warp: (image, strength, random) => warp(image, 4 * strength, random),
  wavelet: (image, strength) => wavelet(image, 1.5 * strength ** 1.5),
  bitErrors: (image, strength, random) => bitErrors(image, 0.5 * strength ** 2, random),
  blockTruncation: (image, strength, random) => blockTruncation(image, 2 + 14 * (1 - strength) ** 2, random),
  misplacedBlocks: (image, strength, random) => misplacedBlocks(image, strength, 6, random),
  ripple: (image, strength, random) => ripple(image, 0.25 * strength, random),
  ghost: (image, strength, random) => ghost(image, 0.5 * strength, random),
  kuwahara: (image, strength) => kuwahara(image, 6 * strength),
  ringing: (image, strength) => ringing(image, 1 - 0.88 * strength),
  speckle: (image, strength, random) => speckle(image, 0.6 * strength ** 1.5, random),
  randomNetwork: (image, strength, random) => randomNetwork(image, 0.25 * strength ** 1.5, random),
  unevenDetail: (image, strength, random) =>
    unevenDetail(image, 4 * strength ** 1.5, random.between(0, 2), random.between(0.7, 3), random),
  heldPixels: (image, strength, random) => heldPixels(image, 0.9 * strength, random),
  lostPixels: (image, strength, random) => lostPixels(image, (1 + 7 * strength ** 1.5) ** -2, random),
  strokes: (image, strength, random) => strokes(image, 1 + 11 * strength ** 1.5, 0.7 + 0.3 * strength, random),
  motionBlur: (image, strength, random) => motionBlur(image, 16 * strength, random.between(0, 180)),
  mosaic: (image, strength) => mosaic(image, 1 + 9 * strength),
  scatter: (image, strength, random) => scatter(image, 5 * strength, random),
} satisfies Record<string, Distortion>;

function fogColour(random: Random): number[] {
  const grey = random.uniform();
  return [0, 1, 2].map(() => 0.8 * grey + 0.2 * random.uniform());
}

/** The name of a way in which images go wrong. */
export type DistortionName = keyof typeof kinds;

/**
 * Ways in which images go wrong, by name, each from 0 (nothing) to 1 (far beyond use). They need no files and no codec.
 *
 * @throws {ReconlossError} `invalid-argument` for a strength outside [0, 1]; `shape` for images of other than 3 channels
 */
export const distortions = Object.fromEntries(
  Object.entries<Distortion>(kinds).map(([name, distort]) => [name, checked(name, distort)]),
) as Record<DistortionName, Distortion>;

function checked(name: string, distort: Distortion): Distortion {
  return (image, strength, random) => {
    if (!(strength >= 0 && strength <= 1)) {
      throw new ReconlossError("invalid-argument", `distortions.${name}: strength must be in [0, 1], got ${strength}`);
    }
    if (image.shape[1] !== 3) {
      throw new ReconlossError(
        "shape",
        `distortions.${name}: images have ${image.shape[1]} channels, but 3 are needed`,
      );
    }
    return strength === 0 ? Tensor.from(image.data, image.shape) : distort(image, strength, random);
  };
}

/** The ways that nothing in this package was ever trained with: they tell how far what was learned reaches. */
export const unseenDistortions: readonly DistortionName[] = ["motionBlur", "mosaic", "scatter"];

/** The ways that networks of this package were trained with. */
export const trainingDistortions: readonly DistortionName[] = (Object.keys(kinds) as DistortionName[]).filter(
  (name) => !unseenDistortions.includes(name),
);
