import type { Ops } from "../graph/ops.ts";

/** Ratios that follow from the shape of a generalised Gaussian. */
export interface Shapes<T> {
  /** The shape: 2 for a Gaussian, 1 for a Laplacian. */
  alpha: T;
  /** `sqrt(gamma(1 / alpha) / gamma(3 / alpha))`, by which a deviation is multiplied. */
  scale: T;
  /** `gamma(2 / alpha) / gamma(1 / alpha)`. */
  location: T;
}

/** The logarithm of the gamma function of x > 0 (Lanczos's approximation, g = 7, to 15 digits). */
function logGamma(x: number): number {
  const coefficients = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const shifted = x - 1;
  const sum = coefficients.reduce((total, c, i) => (i === 0 ? c : total + c / (shifted + i)));
  const t = shifted + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** The ratios of some shapes, and by them what is looked up in each interval between two. */
interface Tables {
  /** The squared mean of absolute values by the mean square of a generalised Gaussian: it rises with the shape. */
  ratios: readonly number[];
  /** The ratio, and alpha, scale and location with their slopes over the ratio, at the beginning of each interval. */
  tables: readonly (readonly number[])[];
}

let made: Tables | undefined;

/** The tables of shapes from 0.2 to 10, closer where their functions are steep; made when first needed, since few programs do. */
function shapes(): Tables {
  if (made) return made;
  const alphas = [
    ...Array.from({ length: 800 }, (_, i) => 0.2 + 0.001 * i),
    ...Array.from({ length: 901 }, (_, i) => 1 + 0.01 * i),
  ];
  const ratios = alphas.map((a) => Math.exp(2 * logGamma(2 / a) - logGamma(1 / a) - logGamma(3 / a)));
  const columns = [
    alphas,
    alphas.map((a) => Math.exp((logGamma(1 / a) - logGamma(3 / a)) / 2)),
    alphas.map((a) => Math.exp(logGamma(2 / a) - logGamma(1 / a))),
  ];
  const intervals = (column: readonly number[]) => {
    const starts = column.slice(0, -1);
    return [starts, starts.map((y, i) => (column[i + 1] - y) / (ratios[i + 1] - ratios[i]))];
  };
  made = { ratios, tables: [ratios.slice(0, -1), ...columns.flatMap(intervals)] };
  return made;
}

/** The channels of x in one, next to each other: [n, 1, h, c w]. */
function sideBySide<T>(o: Ops<T>, x: T): T {
  const [channels, width] = [o.channels(x), o.dims(x)[3] as number];
  const parts = Array.from({ length: channels }, (_, index) =>
    o.pad(o.channel(x, index), { top: 0, bottom: 0, left: index * width, right: (channels - 1 - index) * width }),
  );
  return parts.reduce((sum, part) => o.add(sum, part));
}

/** The inverse of {@link sideBySide}. */
function asChannels<T>(o: Ops<T>, x: T, channels: number): T {
  const width = (o.dims(x)[3] as number) / channels;
  return o.concat(Array.from({ length: channels }, (_, index) => o.slice(x, "w", index * width, (index + 1) * width)));
}

/** Looks up, in each table, the entry of the interval that x [n, 1, h, w] lies in: [n, 1, h, w] for each table. */
function lookUp<T>(o: Ops<T>, x: T): T[] {
  const { ratios, tables } = shapes();
  const count = ratios.length - 2;
  const knots = o.constant(ratios.slice(1, -1), [1, count, 1, 1]);
  const below = o.greater(knots, x);
  const above = o.sub(1, below);
  return tables.map((table) => {
    // A table is the sum of its steps, taken from its smaller end: float32 would lose what is small beside the other.
    const isRising = Math.abs(table[0]) < Math.abs(table[count]);
    const steps = Array.from({ length: count }, (_, i) =>
      isRising ? table[i + 1] - table[i] : table[i] - table[i + 1],
    );
    const sum = o.conv2d(isRising ? above : below, o.constant(steps, [1, count, 1, 1]));
    return o.add(sum, isRising ? table[0] : table[count]);
  });
}

/**
 * The shape of the generalised Gaussian with a ratio of the squared mean of absolute values to the mean square, and two functions of it: linear between 1700 shapes from 0.2 to 10,
 * and constant beyond, so that they have gradients.
 *
 * @param ratio - [n, c, h, w], of a height and width that are known
 * @param step - to multiples of what the shape's value is rounded, 0 for not at all; gradients are those before rounding
 */
export function shapeTable<T>(o: Ops<T>, ratio: T, step: number): Shapes<T> {
  const { ratios } = shapes();
  const x = o.clamp(ratio, ratios[0], ratios[ratios.length - 1]);
  const [start, alpha, alphaSlope, scale, scaleSlope, location, locationSlope] = lookUp(o, sideBySide(o, x)).map((y) =>
    asChannels(o, y, o.channels(x)),
  );
  const into = o.sub(x, start);
  const line = (value: T, slope: T) => o.add(value, o.mul(slope, into));
  const smooth = line(alpha, alphaSlope);
  const rounding = step === 0 ? undefined : o.sub(o.mul(o.round(o.div(smooth, step)), step), smooth);
  const rounded = (value: T, slope: T) => {
    if (rounding === undefined) return value;
    return o.add(value, o.stopGradient(o.mul(rounding, o.div(slope, alphaSlope))));
  };
  return {
    alpha: rounded(smooth, alphaSlope),
    scale: rounded(line(scale, scaleSlope), scaleSlope),
    location: rounded(line(location, locationSlope), locationSlope),
  };
}
