import type { Images } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { choice, number } from "../definitions/options.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { deltaE as kernel } from "../kernels/delta-e.ts";
import type { DeltaESpec } from "../kernels/types.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { rgbToLab, rgbToOklab } from "./lab.ts";
import { defineLoss } from "./loss.ts";

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

/** The divisors of the differences of lightness, chroma and hue. */
export interface Weights {
  kL: number;
  kC: number;
  kH: number;
}

const unweighted: Weights = { kL: 1, kC: 1, kH: 1 };

function over<T>(o: Ops<T>, x: T, k: number): T {
  return k === 1 ? x : o.div(x, k);
}

/** Squared difference of hue of two colours. */
function hueSquare<T>(o: Ops<T>, x: Colour<T>, y: Colour<T>, dC2: T): T {
  const square = o.sub(o.add(o.square(o.sub(x.a, y.a)), o.square(o.sub(x.b, y.b))), dC2);
  // A grey has no hue: there the difference is 0 but for rounding, which must not decide whether it has a gradient.
  return o.where(o.greater(o.mul(x.C, y.C), 0), o.relu(square), 0);
}

function degrees(angle: number): number {
  return (angle * Math.PI) / 180;
}

/** CIE 1976: the Euclidean distance. */
function deltaE76<T>(o: Ops<T>, output: T, target: T): T {
  return o.root(o.sum(o.square(o.sub(output, target)), "c"));
}

/** CIE 1994, graphic arts (K1 = 0.045, K2 = 0.015); the target is the reference colour. */
function deltaE94<T>(o: Ops<T>, output: T, target: T, { kL, kC, kH }: Weights): T {
  const [x, y] = [colour(o, output), colour(o, target)];
  const dL2 = o.square(o.sub(x.L, y.L));
  const dC2 = o.square(o.sub(x.C, y.C));
  const dH2 = hueSquare(o, x, y, dC2);
  const scale = (k: number) => o.square(o.add(o.mul(y.C, k), 1));
  const [lightness, chromatic, tonal] = [dL2, o.div(dC2, scale(0.045)), o.div(dH2, scale(0.015))];
  return o.root(o.add(over(o, lightness, kL ** 2), o.add(over(o, chromatic, kC ** 2), over(o, tonal, kH ** 2))));
}

/** CMC l:c 1984 with l = kL and c = kC (Clarke, McDonald, Rigg 1984); the target is the reference colour. */
function deltaECmc<T>(o: Ops<T>, output: T, target: T, { kL, kC }: Weights): T {
  const [x, y] = [colour(o, output), colour(o, target)];
  const h = hue(o, y.a, y.b);
  const blueish = o.mul(o.sub(1, o.greater(degrees(164), h)), o.sub(1, o.greater(h, degrees(345))));
  const wave = (base: number, amplitude: number, phase: number) =>
    o.add(o.mul(o.abs(o.cos(o.add(h, degrees(phase)))), amplitude), base);
  const T = o.where(blueish, wave(0.56, 0.2, 168), wave(0.36, 0.4, 35));
  const fourth = o.square(o.square(y.C));
  const F = o.root(o.div(fourth, o.add(fourth, 1900)));
  const sL = o.where(o.greater(16, y.L), 0.511, o.div(o.mul(y.L, 0.040975), o.add(o.mul(o.relu(y.L), 0.01765), 1)));
  const sC = o.add(o.div(o.mul(y.C, 0.0638), o.add(o.mul(y.C, 0.0131), 1)), 0.638);
  const sH = o.mul(sC, o.add(o.mul(F, o.sub(T, 1)), 1));
  const dC = o.sub(x.C, y.C);
  const squares = [
    o.square(over(o, o.div(o.sub(x.L, y.L), sL), kL)),
    o.square(over(o, o.div(dC, sC), kC)),
    o.div(hueSquare(o, x, y, o.square(dC)), o.square(sH)),
  ];
  return o.root(squares.reduce((sum, square) => o.add(sum, square)));
}

/** HyAB (Abasi, Amani Tehran, Fairchild 2020): the distances in lightness and in the plane of a and b, added up; for large differences. */
function deltaEHyab<T>(o: Ops<T>, output: T, target: T): T {
  const [dL, da, db] = [0, 1, 2].map((channel) => o.channel(o.sub(output, target), channel));
  return o.add(o.abs(dL), chroma(o, da, db));
}

/** Hue in [0, 2 pi). */
function hue<T>(o: Ops<T>, a: T, b: T): T {
  const angle = o.atan2(b, a);
  return o.where(o.greater(0, angle), o.add(angle, 2 * Math.PI), angle);
}

/** CIEDE2000 (Sharma, Wu, Dalal 2005, equations 2 to 22). */
function deltaE2000<T>(o: Ops<T>, output: T, target: T, { kL, kC, kH }: Weights): T {
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
  const lightness = over(o, o.div(dL, o.add(o.div(o.mul(L, 0.015), o.sqrt(o.add(L, 20))), 1)), kL);
  const chromatic = over(o, o.div(dC, o.add(o.mul(C, 0.045), 1)), kC);
  const tonal = over(o, o.div(dH, o.add(o.mul(o.mul(C, 0.015), T), 1)), kH);
  const squares = o.add(o.square(lightness), o.add(o.square(chromatic), o.square(tonal)));
  return o.root(o.relu(o.add(squares, o.mul(rotation, o.mul(chromatic, tonal)))));
}

/** Each formula as an error of two images in its colour space, and the weights that it has. */
const formulas = {
  "2000": { error: deltaE2000, weights: ["kL", "kC", "kH"] },
  "94": { error: deltaE94, weights: ["kL", "kC", "kH"] },
  "76": { error: deltaE76, weights: [] },
  cmc: { error: deltaECmc, weights: ["kL", "kC"] },
  hyab: { error: deltaEHyab, weights: [] },
  oklab: { error: deltaE76, weights: [] },
  "lab-mse": { error: <T>(o: Ops<T>, output: T, target: T) => o.square(o.sub(output, target)), weights: [] },
} satisfies Record<
  string,
  { error: <T>(o: Ops<T>, output: T, target: T, weights: Weights) => T; weights: readonly (keyof Weights)[] }
>;

type Formula = keyof typeof formulas;

/** A colour difference of two images [n, 3, h, w] in the formula's colour space: [n, 1, h, w], or [n, 3, h, w] for `lab-mse`. */
export function labDifference<T>(o: Ops<T>, formula: Formula, output: T, target: T, weights = unweighted): T {
  return formulas[formula].error(o, output, target, weights);
}

/** The formulas that a fused kernel computes, without weights. */
function hasKernel(formula: Formula): formula is DeltaESpec["formula"] {
  return formula !== "cmc" && formula !== "hyab" && formula !== "oklab";
}

/** Refuses what a formula would leave unused. */
function checkFormula(formula: Formula, space: "srgb" | "lab", weights: Weights): void {
  const refuse = (problem: string) => new ReconlossError("invalid-argument", `deltaE: formula=${formula} ${problem}`);
  const taken: readonly string[] = formulas[formula].weights;
  for (const [name, weight] of Object.entries(weights)) {
    if (weight !== 1 && !taken.includes(name)) throw refuse(`takes no ${name}`);
  }
  if (formula === "oklab" && space === "lab")
    throw refuse("is a distance of sRGB images; space=lab says they are in CIE L*a*b*");
}

/**
 * Colour difference, mean over pixels, of sRGB images (D65) in CIE L*a*b*; about 1 is just noticeable.
 *
 * | `formula` | what |
 * |---|---|
 * | `2000` (default) | CIEDE2000 (Sharma, Wu, Dalal 2005); weights `kL`, `kC`, `kH` |
 * | `94` | CIE 1994, graphic arts, the target as the reference colour; weights `kL`, `kC`, `kH` |
 * | `76` | CIE 1976, the Euclidean distance |
 * | `cmc` | CMC l:c (Clarke, McDonald, Rigg 1984), the target as the reference colour; l is `kL`, c is `kC`: 1:1 for perceptibility, `kL=2` for acceptability |
 * | `hyab` | `abs(dL) + sqrt(da^2 + db^2)` (Abasi, Amani Tehran, Fairchild 2020), for large differences |
 * | `oklab` | the Euclidean distance in OKLab (Ottosson 2020; CSS Color 4's deltaEOK); black and white are 1 apart, 0.02 is just noticeable |
 * | `lab-mse` | mean squared error over the three Lab channels |
 *
 * Images are limited to [low, low + dataRange] first; a grey image counts as three equal channels. With `space=lab` they are in CIE L*a*b* already, L* in
 * [0, 100], and are taken as they are. Matches scikit-image's `deltaE_*`. Gradients are 0 at equal colours, where the distance has a tip, and finite at grey
 * and black. A weight makes the mean `sum(weight difference) / sum(weight)`; of weights for each channel, a pixel has the mean.
 *
 * @throws {ReconlossError} `invalid-argument` for a weight that the formula does not have, or `oklab` with `space=lab`
 *
 * @example
 * ```ts
 * import { deltaE, Tensor } from "@reconloss/core";
 * const [white, black] = [Tensor.full([1, 3, 4, 4], 1), Tensor.full([1, 3, 4, 4], 0)];
 * await deltaE().value(white, black); // 100
 * await deltaE({ formula: "76" }).value(white, black); // 100
 * ```
 */
export const deltaE = defineLoss({
  name: "deltaE",
  summary: "colour difference in CIE Lab",
  formula: "mean sqrt((dL / (kL SL))^2 + (dC / (kC SC))^2 + (dH / (kH SH))^2 + RT dC dH / (kC SC kH SH))",
  use: "To judge colours as people see patches of them: print, screens, enhancement. It compares pixel by pixel, and so minds noise that the eye averages away.",
  better: "lower",
  decimals: 2,
  source:
    "CIE 1976, CIE 1994; Sharma, Wu, Dalal 2005 (CIEDE2000); Clarke, McDonald, Rigg 1984 (CMC); Abasi et al. 2020 (HyAB); Ottosson 2020 (OKLab); scikit-image, deltaE_cie76, deltaE_ciede94, deltaE_ciede2000, deltaE_cmc",
  options: {
    formula: choice(
      ["2000", "94", "76", "cmc", "hyab", "oklab", "lab-mse"],
      "2000",
      "which distance, and in which space",
    ),
    kL: number(1, "2000, 94, cmc: what differences of lightness are divided by", { above: 0 }),
    kC: number(1, "2000, 94, cmc: what differences of chroma are divided by", { above: 0 }),
    kH: number(1, "2000, 94: what differences of hue are divided by", { above: 0 }),
    space: choice(["srgb", "lab"], "srgb", "what the images are: sRGB, or CIE L*a*b* with L* in [0, 100]"),
    crop: imageOptions.crop,
    low: imageOptions.low,
    dataRange: imageOptions.dataRange,
  },
  refuse: (options, shape) => {
    if (options.space === "lab" && shape[1] !== 3) return "but space=lab needs 3 channels";
    return shape[1] === 1 || shape[1] === 3
      ? refuseImages({ ...options, channels: "rgb" }, shape)
      : "but colours need 3 channels, or 1 for grey";
  },
  range: ({ space, low, dataRange }) => (space === "lab" ? [-128, 128] : [low, low + dataRange]),
  units: ({ space }) => (space === "lab" ? undefined : { degree: 0 }),
  define: (options) => {
    const { formula, kL, kC, kH, space, crop, low, dataRange } = options;
    const weights = { kL, kC, kH };
    checkFormula(formula, space, weights);
    const images = { channels: "rgb", crop, low, dataRange } as const;
    const difference = <T>(o: Ops<T>, output: T, target: T) =>
      o.mean(labDifference(o, formula, output, target, weights), "c");
    if (space === "lab") {
      const asTheyAre = { ...images, low: 0, clamp: false };
      return meanOfErrors(asTheyAre, (o, { output, target }) => difference(o, output, target));
    }
    const convert = formula === "oklab" ? rgbToOklab : rgbToLab;
    const error = <T>(o: Ops<T>, { output, target }: Images<T>) => {
      const converted = (x: T) => convert(o, o.div(x, dataRange));
      return difference(o, converted(output), converted(target));
    };
    const isWeighted = Object.values(weights).some((weight) => weight !== 1);
    return {
      ...meanOfErrors({ ...images, clamp: true }, error),
      // The kernel limits images itself.
      ...(hasKernel(formula) && !isWeighted
        ? {
            kernel: {
              kernel,
              spec: { kind: "deltaE", formula, dataRange },
              images: { ...images, clamp: false },
              weight: "of pixels",
            },
          }
        : {}),
    };
  },
});
