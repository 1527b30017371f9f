/** Less than every other number of float32: padding that never is a maximum. */
export const lowestFloat32 = -3.4028234663852886e38;

/** The least positive number that every device holds as float32. */
const least = 2 ** -126;

/** Numbers as float32 holds them; one that it would take for 0, though it is none, as the least that it holds: what guards a division in float64 still does. */
export function toFloat32(numbers: ArrayLike<number>): Float32Array {
  if (numbers instanceof Float32Array) return numbers;
  return Float32Array.from(numbers, (x) => (x !== 0 && Math.abs(x) < least ? Math.sign(x) * least : x));
}
