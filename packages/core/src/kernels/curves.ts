/** The table that makes samples linear; see {@link linearTable}. */
export interface LinearTable {
  /**
   * Four float32 a row: the value in two summands, of which the second is what float32 rounds off the first, and the coefficients of the distance from the row's
   * place and of its square, in steps. First the rows of the straight part from 0, then those of the curved part, which begins at the place where the straight part ends.
   */
  readonly rows: Float32Array;
  /** Steps per unit of a sample: a power of 2, so that a sample's distance from a place is exact. */
  readonly perStep: number;
  /** The largest float32 sample on the straight part. */
  readonly threshold: number;
}

/** The largest sample on the straight part, where white is 1. */
const straightEnd = 0.04045;

/** Steps to white are at least this many, and less than twice as many. */
const leastSteps = 1024;

/**
 * sRGB's transfer function (IEC 61966-2-1) for samples in [0, `range`], as parabolas that meet halfway between their places: nearly equal samples keep the
 * sign and size of their difference. Off by less than 6e-8 of the value.
 */
export function linearTable(range: number): LinearTable {
  const perStep = 2 ** Math.ceil(Math.log2(leastSteps / range));
  const straight = (place: number) => place / perStep / range / 12.92;
  const curved = (place: number) => ((place / perStep / range + 0.055) / 1.055) ** 2.4;
  const last = Math.round(range * perStep);
  const meeting = Math.round(straightEnd * range * perStep);
  const rows: number[] = [];
  const add = (curve: (place: number) => number, place: number) => {
    const [before, value, after] = [-0.5, 0, 0.5].map((distance) => curve(place + distance));
    const rounded = Math.fround(value);
    rows.push(rounded, value - rounded, after - before, 2 * (before + after - 2 * value));
  };
  for (let place = 0; place <= meeting; place++) add(straight, place);
  for (let place = meeting; place <= last; place++) add(curved, place);
  return { rows: Float32Array.from(rows), perStep, threshold: floatBelow(straightEnd * range) };
}

/** The largest float32 not above a positive number. */
function floatBelow(value: number): number {
  const float = Float32Array.of(value);
  if (float[0] > value) new Int32Array(float.buffer)[0]--;
  return float[0];
}
