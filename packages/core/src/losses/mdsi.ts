import type { Images } from "../definitions/definition.ts";
import { colourImageOptions } from "../definitions/image-options.ts";
import { choice, number } from "../definitions/options.ts";
import { centred, weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { downsampleFactor } from "../kernels/downsampling.ts";
import { mdsi as kernel } from "../kernels/mdsi.ts";
import { averageBy, averagedWeight } from "./averaging.ts";
import { colourPlanes, lhm, planeWeights, refuseColours } from "./colour-planes.ts";
import { gradientMagnitude } from "./gradient-magnitude.ts";
import { prepareLevels, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { complexPower, type NearOne, positivePower, realNearOne } from "./powers.ts";
import { dissimilarity } from "./similarity.ts";

/** The least mean deviation above 0 that counts as itself: below, the slope of its root would leave float32. */
const least = 1e-20;

/**
 * Mean deviation similarity index (Ziaei Nafchi, Shahkolaei, Hedjam, Cheriet 2016): `mean |s^q - mean s^q|^rho`, to the power `o / rho`, where s joins the similarity of
 * gradients (of output, target and their mean) with that of colours. 0 for identical images; lower is better.
 *
 * - `combination=sum` (default): `s = alpha gs + (1 - alpha) cs`; `mult`: `s = gs^gamma cs^beta`.
 * - Similarities may be negative, and the powers of negative numbers are complex, as the authors meant it: |.| is that of complex numbers.
 * - Images are averaged down first by round(min(h, w) / 256), halves to even.
 *
 * | preset | the product of `mult` | equals |
 * |---|---|---|
 * | `piq` (default) | of the real parts; imaginary parts are added | piq `mdsi` |
 * | `matlab` | of complex numbers | the authors' code |
 *
 * The two differ where a similarity is negative, and for `mult` alone. Constants are in squared 8-bit levels, whatever the range. A grey image counts as three equal channels. The map, of the size to which images were averaged, is
 * `|s^q - mean s^q|`. Gradients are 0 for identical images and finite at flat areas, where piq's are NaN. A weight is averaged with the images and weights both means.
 *
 * @throws {ReconlossError} `shape` for images of other than 1 or 3 channels
 * @example
 * ```ts
 * import { mdsi, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 16, 16], 0.5);
 * await mdsi().value(grey, grey); // 0
 * ```
 */
export const mdsi = defineLoss({
  name: "mdsi",
  summary: "mean deviation of the similarity of gradients and colours",
  formula: "(mean |s^q - mean s^q|^rho)^(o / rho), s = alpha gs + (1 - alpha) cs",
  use: "To judge distortions of edges and colours in one number, fast, at a fixed viewing size.",
  better: "lower",
  source: "Ziaei Nafchi et al. 2016, eq. 2 to 14; piq, mdsi",
  options: {
    preset: choice(["piq", "matlab"], "piq", "whose numbers come out"),
    ...colourImageOptions,
    combination: choice(["sum", "mult"], "sum", "how the similarities of gradients and colours are joined"),
    product: choice(
      ["parts", "complex"],
      "parts",
      "mult: parts by themselves, the imaginary ones added, or complex numbers",
    ),
    c1: number(140, "constant of the similarity of gradients", { above: 0 }),
    c2: number(55, "the same for gradients of either image and of their mean", { above: 0 }),
    c3: number(550, "constant of the similarity of colours", { above: 0 }),
    alpha: number(0.6, "sum: share of the gradients", { min: 0, max: 1 }),
    beta: number(0.1, "mult: exponent of the similarity of colours", { above: 0 }),
    gamma: number(0.2, "mult: exponent of the similarity of gradients", { above: 0 }),
    rho: number(1, "order of the Minkowski mean", { min: 1 }),
    q: number(0.25, "exponent before the deviation", { above: 0 }),
    o: number(0.25, "exponent of the deviation", { above: 0 }),
  },
  presets: { matlab: { product: "complex" } },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => refuseColours(shape[1]) ?? refuseImages({ ...options, channels: "rgb" }, shape),
  define: (options) => {
    const { combination, product, c1, c2, c3, alpha, beta, gamma, rho, q } = options;

    const similarity = <T>(o: Ops<T>, output: T, target: T): NearOne<T> => {
      const [lx, ly] = [o.channel(output, 0), o.channel(target, 0)];
      const [x, y, mean] = [lx, ly, o.mul(o.add(lx, ly), 0.5)].map((plane) => gradientMagnitude(o, plane, "prewitt"));
      const gradients = o.sub(
        dissimilarity(o, y, mean, c2),
        o.add(dissimilarity(o, x, y, c1), dissimilarity(o, x, mean, c2)),
      );
      const [cx, cy] = [o.slice(output, "c", 1), o.slice(target, "c", 1)];
      const squares = o.sum(o.add(o.square(cx), o.square(cy)), "c");
      const colours = o.neg(o.div(o.sum(o.square(o.sub(cx, cy)), "c"), o.add(squares, c3)));
      if (combination === "sum") return realNearOne(o, o.add(o.mul(gradients, alpha), o.mul(colours, 1 - alpha)));
      const [g, c] = [
        complexPower(o, realNearOne(o, gradients), gamma),
        complexPower(o, realNearOne(o, colours), beta),
      ];
      const d = o.add(o.add(g.d, c.d), o.mul(g.d, c.d));
      if (product === "parts") return { d, im: o.add(g.im, c.im) };
      const im = o.add(o.mul(g.im, o.add(c.d, 1)), o.mul(c.im, o.add(g.d, 1)));
      return { d: o.sub(d, o.mul(g.im, c.im)), im };
    };

    const deviations = <T>(o: Ops<T>, images: Images<T>): { map: T; weight?: T } => {
      const prepared = prepareLevels(o, images, { ...options, channels: "rgb" });
      const [, , h, w] = o.dims(prepared.output) as readonly number[];
      const factor = downsampleFactor(h, w, "to even");
      const planes = (x: T) => colourPlanes(o, averageBy(o, x, factor), lhm);
      const weight = prepared.weight && averagedWeight(o, prepared.weight, (x) => averageBy(o, x, factor));
      const { d, im } = complexPower(o, similarity(o, planes(prepared.output), planes(prepared.target)), q);
      const square = (x: T) => o.square(centred(o, x, weight));
      return { map: o.root(o.add(square(d), square(im))), weight };
    };

    const images = { ...options, channels: "rgb" } as const;
    const rows = planeWeights(lhm, 255 / options.dataRange);
    const spec = { kind: "mdsi", rows, c1, c2, c3, alpha, q, o: options.o } as const;

    return {
      bySize: true,
      ...(combination === "sum" && rho === 1 ? { kernel: { kernel, spec, images, withoutMap: true } } : {}),
      score: (o, images) => {
        const { map, weight } = deviations(o, images);
        const mean = weightedMean(o, rho === 1 ? map : positivePower(o, map, rho), weight, "hw");
        return positivePower(o, mean, options.o / rho, least);
      },
      map: (o, images) => deviations(o, images).map,
    };
  },
});
