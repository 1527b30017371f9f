import type { Images } from "../definitions/definition.ts";
import { choice } from "../definitions/options.ts";
import { fittedWeight, relativeWeight } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";

/** The option of how transforms are scaled, by the names of PyTorch and NumPy. */
export const normChoice = choice(
  ["backward", "ortho"],
  "backward",
  "the transform as a plain sum, or divided by the root of the number of pixels",
);

/** Images of which every pixel is multiplied by its relative weight, as they are before a transform that mixes all pixels. */
export function weightedImages<T>(
  o: Ops<T>,
  { output, target, weight }: Images<T>,
): Pick<Images<T>, "output" | "target"> {
  if (weight === undefined) return { output, target };
  const relative = relativeWeight(o, fittedWeight(o, weight, output));
  return { output: o.mul(output, relative), target: o.mul(target, relative) };
}

/** The real and imaginary parts of what {@link Ops.fft} gives, each [n, c, h, floor(w / 2) + 1]. */
export function complexParts<T>(o: Ops<T>, spectrum: T): { real: T; imaginary: T } {
  const channels = o.channels(spectrum) / 2;
  return { real: o.slice(spectrum, "c", 0, channels), imaginary: o.slice(spectrum, "c", channels) };
}

/** A part of a full spectrum that {@link wavesOf} takes times an image's coefficients: filters, by what they are at opposite frequencies. */
export interface Filters<T> {
  /** The part that is the same at opposite frequencies. */
  even: readonly T[];
  /** The part that changes its sign. */
  odd: readonly T[];
}

/** The weight of each column of {@link Ops.fft} in the inverse transform. */
export function inverseCounts(h: number, w: number): Float64Array {
  const half = Math.floor(w / 2) + 1;
  return Float64Array.from({ length: half }, (_, column) => ((w - column) % w === column ? 1 : 2) / (h * w));
}

/**
 * The inverse transform of coefficients times real filters, which need not be the same at opposite frequencies: the real and imaginary parts of complex waves, each [n, filters times channels, h, w].
 *
 * @param spectrum - parts of what {@link Ops.fft} gives, times {@link inverseCounts}
 * @param image - of what size the image is
 */
export function wavesOf<T>(
  o: Ops<T>,
  { real, imaginary }: { real: T; imaginary: T },
  { even, odd }: Filters<T>,
  image: T,
): { real: T; imaginary: T } {
  // What changes its sign gives waves that are imaginary: their coefficients are turned by -i.
  const parts: [T, readonly T[]][] = [
    [real, even],
    [imaginary, odd],
    [imaginary, even],
    [o.neg(real), odd],
  ];
  const filtered = o.concat(parts.flatMap(([part, filters]) => filters.map((filter) => o.mul(part, filter))));
  return complexParts(o, o.backend.run("fftAdjoint", [filtered, image], {}));
}

/** The squared modulus of every coefficient of what {@link Ops.fft} gives: [n, c, h, floor(w / 2) + 1]. */
export function power<T>(o: Ops<T>, spectrum: T): T {
  const { real, imaginary } = complexParts(o, spectrum);
  return o.add(o.square(real), o.square(imaginary));
}

/**
 * The sum over all coefficients of each image of what is the same at a coefficient and at its conjugate.
 *
 * @param half - the columns that {@link Ops.fft} gives, [n, k, h, floor(w / 2) + 1]
 * @param image - of what size the image is
 */
export function sumOverSpectrum<T>(o: Ops<T>, half: T, image: T): T {
  const sum = (x: T) => o.sum(x, "chw");
  // All columns stand for two, but for the first and, where the width is even, the last.
  const isEven = o.sub(o.mul(o.size(half, "w"), 2), o.add(o.size(image, "w"), 1));
  const twice = o.sub(o.mul(sum(half), 2), sum(o.slice(half, "w", 0, 1)));
  return o.sub(twice, o.mul(sum(o.slice(half, "w", -1)), isEven));
}
