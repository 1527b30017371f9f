/** The share of the standard normal distribution above x, for x of at least 0, to 13 digits. */
function upperTail(x: number): number {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (x < 3) {
    // Marsaglia 2004: the integral from 0 as a series.
    let [sum, term] = [x, x];
    for (let k = 3; Math.abs(term) > 1e-18 * sum; k += 2) {
      term *= (x * x) / k;
      sum += term;
    }
    return 0.5 - density * sum;
  }
  // Laplace's continued fraction.
  let tail = x;
  for (let k = 200; k >= 1; k--) tail = x + k / tail;
  return density / tail;
}

/** The standard normal distribution function. */
export function normalBelow(x: number): number {
  return x < 0 ? upperTail(-x) : 1 - upperTail(x);
}

/** The share of the standard normal distribution that is further from 0 than x. */
export function normalBeyond(x: number): number {
  return Math.min(1, 2 * upperTail(Math.abs(x)));
}

/** The x below which this share of the standard normal distribution lies; infinite of 0 and 1. */
export function normalQuantile(share: number): number {
  if (share <= 0 || share >= 1) return share <= 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (share > 0.5) return -normalQuantile(1 - share);
  // Halving from where no double precision share is left.
  let [low, high] = [-40, 0];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (upperTail(-middle) < share) low = middle;
    else high = middle;
  }
}
