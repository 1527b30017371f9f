import type { Ops } from "../graph/ops.ts";
import type { Images } from "./definition.ts";
import { imageOptions } from "./image-options.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { rgbToLab } from "./lab.ts";
import { defineLoss } from "./loss.ts";
import { choice } from "./options.ts";

/** Lightness, the two colour axes, and chroma, each [n, 1, h, w]. */
interface Colour<T> {
  L: T;
  a: T;
  b: T;
  C: T;
}

function colour<T>(o: Ops<T>, lab: T): Colour<T> {
  const [L, a, b] = [0, 1, 2].map((channel) => o.channel(lab, channel));
  return { L, a, b, C: chroma(o, a, b) };
}

function chroma<T>(o: Ops<T>, a: T, b: T): T {
  return o.root(o.add(o.square(a), o.square(b)));
}

function degrees(angle: number): number {
  return (angle * Math.PI) / 180;
}

/** CIE 1976: the Euclidean distance. */
function deltaE76<T>(o: Ops<T>, output: T, target: T): T {
  return o.root(o.sum(o.square(o.sub(output, target)), "c"));
}

/** CIE 1994, graphic arts (kL = kC = kH = 1, K1 = 0.045, K2 = 0.015); the target is the reference colour. */
function deltaE94<T>(o: Ops<T>, output: T, target: T): T {
  const [x, y] = [colour(o, output), colour(o, target)];
  const dL2 = o.square(o.sub(x.L, y.L));
  const dC2 = o.square(o.sub(x.C, y.C));
  const hueSquare = o.sub(o.add(o.square(o.sub(x.a, y.a)), o.square(o.sub(x.b, y.b))), dC2);
  // A grey has no hue: there the difference is 0 but for rounding, which must not decide whether it has a gradient.
  const dH2 = o.where(o.greater(o.mul(x.C, y.C), 0), o.relu(hueSquare), 0);
  const scale = (k: number) => o.square(o.add(o.mul(y.C, k), 1));
  return o.root(o.add(dL2, o.add(o.div(dC2, scale(0.045)), o.div(dH2, scale(0.015)))));
}

/** Hue in [0, 2 pi). */
function hue<T>(o: Ops<T>, a: T, b: T): T {
  const angle = o.atan2(b, a);
  return o.where(o.greater(0, angle), o.add(angle, 2 * Math.PI), angle);
}

/** CIEDE2000 (Sharma, Wu, Dalal 2005, equations 2 to 22; kL = kC = kH = 1). */
function deltaE2000<T>(o: Ops<T>, output: T, target: T): T {
  const [x, y] = [colour(o, target), colour(o, output)];
  const halfOfSum = (a: T, b: T) => o.mul(o.add(a, b), 0.5);
  /** sqrt(C^7 / (C^7 + 25^7)), written in (C / 25)^7 so that float32 is enough. */
  const saturation = (C: T) => {
    const seventh = o.power(o.mul(C, 1 / 25), 7);
    return o.root(o.div(seventh, o.add(seventh, 1)));
  };

  const stretch = o.sub(1.5, o.mul(saturation(halfOfSum(x.C, y.C)), 0.5));
  const [a1, a2] = [o.mul(x.a, stretch), o.mul(y.a, stretch)];
  const [C1, C2] = [chroma(o, a1, x.b), chroma(o, a2, y.b)];
  const [h1, h2] = [hue(o, a1, x.b), hue(o, a2, y.b)];
  const product = o.mul(C1, C2);
  const coloured = o.greater(product, 0);

  const turn = o.sub(h2, h1);
  const wide = o.greater(o.abs(turn), Math.PI);
  const shortTurn = o.sub(turn, o.where(wide, o.mul(o.sign(turn), 2 * Math.PI), 0));
  const dL = o.sub(y.L, x.L);
  const dC = o.sub(C2, C1);
  const dH = o.where(coloured, o.mul(o.mul(o.root(product), 2), o.sin(o.mul(shortTurn, 0.5))), 0);

  const sum = o.add(h1, h2);
  const opposite = o.where(o.greater(2 * Math.PI, sum), Math.PI, -Math.PI);
  const mean = o.add(o.mul(sum, 0.5), o.where(wide, opposite, 0));
  const h = o.where(coloured, mean, sum);
  const L = o.square(o.sub(halfOfSum(x.L, y.L), 50));
  const C = halfOfSum(C1, C2);
  const wave = (amplitude: number, times: number, phase: number) =>
    o.mul(o.cos(o.add(o.mul(h, times), degrees(phase))), amplitude);
  const T = o.add(o.add(wave(-0.17, 1, -30), 1), o.add(wave(0.24, 2, 0), o.add(wave(0.32, 3, 6), wave(-0.2, 4, -63))));
  const bell = o.exp(o.neg(o.square(o.mul(o.sub(h, degrees(275)), 1 / degrees(25)))));
  const rotation = o.mul(o.mul(saturation(C), -2), o.sin(o.mul(bell, degrees(60))));
  const lightness = o.div(dL, o.add(o.div(o.mul(L, 0.015), o.sqrt(o.add(L, 20))), 1));
  const chromatic = o.div(dC, o.add(o.mul(C, 0.045), 1));
  const tonal = o.div(dH, o.add(o.mul(o.mul(C, 0.015), T), 1));
  const squares = o.add(o.square(lightness), o.add(o.square(chromatic), o.square(tonal)));
  return o.root(o.relu(o.add(squares, o.mul(rotation, o.mul(chromatic, tonal)))));
}

/** Each formula as an error of two L*a*b* images. */
const formulas = {
  "76": deltaE76,
  "94": deltaE94,
  "2000": deltaE2000,
  "lab-mse": <T>(o: Ops<T>, output: T, target: T) => o.square(o.sub(output, target)),
} satisfies Record<string, <T>(o: Ops<T>, output: T, target: T) => T>;

/** A colour difference of two L*a*b* images [n, 3, h, w]: [n, 1, h, w], or [n, 3, h, w] for `lab-mse`. */
export function labDifference<T>(o: Ops<T>, formula: keyof typeof formulas, output: T, target: T): T {
  return formulas[formula](o, output, target);
}

/**
 * Colour difference, mean over pixels, of sRGB images (D65) in CIE L*a*b*; about 1 is just noticeable.
 *
 * `formula`: `2000` (default, CIEDE2000; Sharma, Wu, Dalal 2005), `94` (CIE 1994, graphic arts, the target as the reference colour), `76` (Euclidean
 * distance), `lab-mse` (mean squared error over the three Lab channels). Images are limited to [low, low + dataRange] first; a grey image counts
 * as three equal channels. Matches scikit-image's `deltaE_*`. Gradients are 0 at equal colours, where the distance has a tip, and finite at grey.
 *
 * @example
 * ```ts
 * import { deltaE, Tensor } from "reconloss";
 * const [white, black] = [Tensor.full([1, 3, 4, 4], 1), Tensor.full([1, 3, 4, 4], 0)];
 * await deltaE().value(white, black); // 100
 * await deltaE({ formula: "76" }).value(white, black); // 100
 * ```
 */
export const deltaE = defineLoss({
  name: "deltaE",
  summary: "colour difference in CIE Lab",
  better: "lower",
  decimals: 2,
  source:
    "CIE 1976, CIE 1994; Sharma, Wu, Dalal 2005 (CIEDE2000); scikit-image, deltaE_cie76, deltaE_ciede94, deltaE_ciede2000",
  options: {
    formula: choice(["2000", "94", "76", "lab-mse"], "2000", "which distance in Lab"),
    crop: imageOptions.crop,
    low: imageOptions.low,
    dataRange: imageOptions.dataRange,
  },
  refuse: (options, shape) =>
    shape[1] === 1 || shape[1] === 3
      ? refuseImages({ ...options, channels: "rgb" }, shape)
      : "but colours need 3 channels, or 1 for grey",
  define: (options) => {
    const { formula, crop, low, dataRange } = options;
    const images = { channels: "rgb", crop, low, dataRange } as const;
    const error = <T>(o: Ops<T>, { output, target }: Images<T>) => {
      const lab = (x: T) => rgbToLab(o, o.div(x, dataRange));
      return o.mean(labDifference(o, formula, lab(output), lab(target)), "c");
    };
    return {
      ...meanOfErrors({ ...images, clamp: true }, error),
      // The kernel limits images itself.
      kernel: { spec: { kind: "deltaE", formula, dataRange }, images: { ...images, clamp: false } },
    };
  },
});
