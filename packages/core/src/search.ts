/** Returns which of rising numbers, of which the first is at most `value`, is the last that is at most `value`. */
export function lastAtMost(count: number, numberAt: (place: number) => number, value: number): number {
  let [low, high] = [0, count - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (numberAt(middle) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
