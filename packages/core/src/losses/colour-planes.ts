import type { Ops } from "../graph/ops.ts";

type Rows = readonly (readonly number[])[];

/** YIQ of RGB, as implementations round it. */
export const yiq = {
  /** piq: four decimals. */
  piq: [
    [0.299, 0.587, 0.114],
    [0.5959, -0.2746, -0.3213],
    [0.2115, -0.5227, 0.3112],
  ],
  /** The MATLAB codes of HaarPSI and FSIMc: three decimals. */
  matlab: [
    [0.299, 0.587, 0.114],
    [0.596, -0.274, -0.322],
    [0.211, -0.523, 0.312],
  ],
} as const satisfies Record<string, Rows>;

/** Lightness and two chromatic planes in opponent colours (Geusebroek et al. 2001, as MDSI has them). */
export const lhm = [
  [0.2989, 0.587, 0.114],
  [0.3, 0.04, -0.35],
  [0.34, -0.6, 0.17],
] as const satisfies Rows;

/**
 * The planes of a linear colour space, [n, rows, h, w], of RGB images. One channel counts as three equal ones.
 *
 * Differences to green come first: of 8-bit levels they are exact, and grey pixels have planes of colour of exactly 0.
 *
 * @param scale - what the planes are multiplied by
 */
export function colourPlanes<T>(o: Ops<T>, x: T, rows: Rows, scale = 1): T {
  const weights = planeWeights(rows, scale);
  if (o.channels(x) === 1) {
    const sums = weights.map(([whole]) => whole);
    return o.conv2d(x, o.constant(sums, [rows.length, 1, 1, 1]));
  }
  const green = o.channel(x, 1);
  const differences = [0, 2].map((channel) => o.sub(o.channel(x, channel), green));
  return o.conv2d(o.concat([green, ...differences]), o.constant(weights.flat(), [rows.length, 3, 1, 1]));
}

/** The weights of each plane: of green, or grey, and of what red and blue exceed green by. */
export function planeWeights(rows: Rows, scale = 1): (readonly [whole: number, red: number, blue: number])[] {
  return rows.map((row) => {
    const [red, , blue] = row;
    // What float64 adds to the sums of decimals is none of theirs.
    const whole = Math.round(row.reduce((sum, weight) => sum + weight, 0) * 1e12) / 1e12;
    return [scale * whole, scale * red, scale * blue];
  });
}

/** Returns the reason why images of a shape are neither in colour nor grey, or undefined. */
export function refuseColours(channels: number): string | undefined {
  return channels === 1 || channels === 3 ? undefined : "but colours need 3 channels, or 1 for grey";
}
