/** A piece's width is the last bit that is looked at: 6 bits of the 52 after the exponent, 64 pieces an octave. */
const pieceShift = 46n;

function bitsOf(value: number): bigint {
  return new BigInt64Array(Float64Array.of(value).buffer)[0];
}

function fromBits(bits: bigint): number {
  return new Float64Array(BigInt64Array.of(bits).buffer)[0];
}

/**
 * A curve from `threshold` to 1 as piecewise cubics, four coefficients of powers of the distance from each piece's middle. The pieces are those that numbers
 * fall into by their leading bits. Each cubic goes through the curve at the Chebyshev points of its piece, which keeps the error near the least possible.
 */
function pieces(curve: (t: number) => number, threshold: number): Float64Array {
  const first = bitsOf(threshold) >> pieceShift;
  const last = bitsOf(1) >> pieceShift;
  const result: number[] = [];
  for (let index = first; index <= last; index++) {
    const from = fromBits(index << pieceShift);
    const half = (fromBits((index + 1n) << pieceShift) - from) / 2;
    // Chebyshev coefficients from four points, then powers: T2 = 2 x^2 - 1, T3 = 4 x^3 - 3 x.
    const angles = [1, 3, 5, 7].map((k) => (k * Math.PI) / 8);
    const values = angles.map((angle) => curve(from + half + half * Math.cos(angle)));
    const [t0, t1, t2, t3] = [0, 1, 2, 3].map(
      (order) =>
        ((order === 0 ? 1 : 2) / 4) * values.reduce((sum, value, i) => sum + value * Math.cos(order * angles[i]), 0),
    );
    result.push(t0 - t2, (t1 - 3 * t3) / half, (2 * t2) / half ** 2, (4 * t3) / half ** 3);
  }
  return Float64Array.from(result);
}

/** The curved part of sRGB's transfer function (IEC 61966-2-1), above 0.04045. */
export function linearCurve(): Float64Array {
  return pieces((x) => ((x + 0.055) / 1.055) ** 2.4, 0.04045);
}

/** The cube root of CIE L*a*b*, above 0.008856. */
export function rootCurve(): Float64Array {
  return pieces(Math.cbrt, 0.008856);
}
