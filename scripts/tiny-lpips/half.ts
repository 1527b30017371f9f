import { deflateSync } from "fflate";

/**
 * The bits of the half-precision number (IEEE 754 binary16) nearest to a value, halves to even.
 *
 * @param digits - binary digits of the fraction that are used; the others are 0. Default: all 10
 */
export function halfBits(value: number, digits = 10): number {
  const sign = value < 0 || Object.is(value, -0) ? 32768 : 0;
  const size = Math.abs(value);
  if (!(size < 65520)) throw new RangeError(`${value} is no finite half-precision number`);
  // Numbers below the smallest normal one share its exponent.
  const exponent = size < 2 ** -14 ? -14 : Math.floor(Math.log2(size));
  const step = 2 ** (exponent - digits);
  const whole = size / step;
  const below = Math.floor(whole);
  const rest = whole - below;
  const rounded = rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
  // A normal number's leading 1 is not stored; rounding up to the next exponent carries into it by itself.
  return sign + (exponent + 14) * 1024 + rounded * 2 ** (10 - digits);
}

/** Binary digits of a weight's fraction that are kept: what the others add is lost in the noise of training. */
const keptDigits = 8;

/** Half-precision numbers, all high bytes and then all low bytes, which are less alike. */
export function halfPlanes(values: readonly number[], digits?: number): Uint8Array {
  const planes = new Uint8Array(2 * values.length);
  for (const [at, value] of values.entries()) {
    const bits = halfBits(value, digits);
    planes[at] = bits >> 8;
    planes[values.length + at] = bits & 255;
  }
  return planes;
}

/** Weights as text: half-precision numbers in {@link halfPlanes}, deflated, in base64. */
export function packHalves(weights: readonly number[]): string {
  return Buffer.from(deflateSync(halfPlanes(weights, keptDigits), { level: 9 })).toString("base64");
}
