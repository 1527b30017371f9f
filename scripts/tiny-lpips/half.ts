/** The bits of the half-precision number nearest to a value, halves to even (IEEE 754 binary16). */
export function halfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 32768 : 0;
  const size = Math.abs(value);
  if (!(size < 65520)) throw new RangeError(`${value} is no finite half-precision number`);
  // Numbers below the smallest normal one share its exponent.
  const exponent = size < 2 ** -14 ? -14 : Math.floor(Math.log2(size));
  const step = 2 ** (exponent - 10);
  const whole = size / step;
  const below = Math.floor(whole);
  const rest = whole - below;
  const rounded = rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
  // A normal number's leading 1 is not stored; rounding up to the next exponent carries into it by itself.
  return sign + (exponent + 14) * 1024 + rounded;
}
