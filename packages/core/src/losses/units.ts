import type { Definition, Images } from "../definitions/definition.ts";
import type { Ops } from "../graph/ops.ts";

/** The dependence of a loss on the unit of its images. */
export interface Units {
  /** The power of the unit that the value has: 1 for absolute errors, 2 for squared ones, 0 for what the range cancels from; it need not be whole. */
  readonly degree: number;
  /** The power that the map has, where it is another. */
  readonly mapDegree?: number;
  /** The options in units of the images, besides `low` and `dataRange`. */
  readonly lengths?: readonly string[];
}

/** Images of sizes between these are computed as they are: float32 holds the fourth powers of their differences. */
const [least, most] = [2 ** -20, 2 ** 20];

type Values = Readonly<Record<string, unknown>>;

/** A power of 2 near the size of the images, by which float32 divides exactly, where they are too large or too small to be computed as they are; else 1. */
export function unitFor(options: Values, { lengths = [] }: Units): number {
  const sizes = ["dataRange", ...lengths].map((name) => options[name]).filter((size) => typeof size === "number");
  const size = Math.max(...sizes);
  return size >= least && size <= most ? 1 : 2 ** Math.round(Math.log2(size));
}

/** The options of images that were divided by the unit. */
export function inUnit<V extends Values>(options: V, { lengths = [] }: Units, unit: number): V {
  const scaled = ["low", "dataRange", ...lengths].map((name) => [name, options[name]] as const);
  const numbers = scaled.filter((entry): entry is [string, number] => typeof entry[1] === "number");
  return { ...options, ...Object.fromEntries(numbers.map(([name, value]) => [name, value / unit])) };
}

/** x times a power of the unit, which float32 may not hold though it holds the product. */
function timesUnit<T>(o: Ops<T>, x: T, unit: number, degree: number): T {
  if (degree <= 1) return degree === 0 ? x : o.mul(x, unit ** degree);
  return timesUnit(o, o.mul(x, unit), unit, degree - 1);
}

/** The value of one thing with the slope of another. */
function valueWithSlope<T>(o: Ops<T>, value: T, slope: T): T {
  return o.add(o.stopGradient(value), o.sub(slope, o.stopGradient(slope)));
}

/**
 * A definition of images divided by the unit, as one of the images themselves. The gradient takes its power of the unit in one step, at the images: between, it could be
 * beyond float32. It is right to the first order only.
 */
export function withUnit(definition: Definition, unit: number, { degree, mapDegree = degree }: Units): Definition {
  const { score, map, toReported, terms, targetFeatures, tiles } = definition;
  const divide = <T>(o: Ops<T>, x: T): T => {
    const fromHere = o.sub(x, o.stopGradient(x));
    return o.add(o.stopGradient(o.mul(x, 1 / unit)), o.mul(fromHere, unit ** (degree - 1)));
  };
  const divided = <T>(o: Ops<T>, images: Images<T>): Images<T> => ({
    ...images,
    output: divide(o, images.output),
    target: divide(o, images.target),
  });
  return {
    ...definition,
    // Kernels read images as they are.
    kernel: undefined,
    score: (o, images) => score(o, divided(o, images)),
    map: map && ((o, images) => timesUnit(o, map(o, divided(o, images)), unit, mapDegree)),
    toReported: (o, x) => {
      const reported = toReported?.(o, x) ?? x;
      return degree === 0 ? reported : valueWithSlope(o, timesUnit(o, reported, unit, degree), reported);
    },
    terms: terms && ((o, images) => terms(o, divided(o, images))),
    targetFeatures: targetFeatures && ((o, target) => targetFeatures(o, divide(o, target))),
    tiles: tiles && { ...tiles, places: (o, images) => tiles.places(o, divided(o, images)) },
  };
}
