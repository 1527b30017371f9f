/** Squares below this have lost digits; beside the matrix's largest element, about 1, their roots are nothing. */
const negligible = 1e-280;

/**
 * Turns the `count` elements of x from `at` on into (beta, 0, ..., 0) by a Householder reflection I - tau v v^T, whose v, with 1 as its first
 * element, goes to the start of `v` (Golub, Van Loan, Matrix Computations, section 5.1).
 *
 * @returns tau; 0 where there is nothing to clear
 */
export function reflect(x: Float64Array, at: number, count: number, v: Float64Array): number {
  const alpha = x[at];
  let squares = 0;
  for (let j = 1; j < count; j++) squares += x[at + j] * x[at + j];
  const isClear = squares < negligible;
  const beta = isClear ? alpha : (alpha > 0 ? -1 : 1) * Math.sqrt(alpha * alpha + squares);
  const scale = isClear ? 0 : 1 / (alpha - beta);
  for (let j = 1; j < count; j++) {
    v[j] = x[at + j] * scale;
    x[at + j] = 0;
  }
  v[0] = 1;
  x[at] = beta;
  return isClear ? 0 : (beta - alpha) / beta;
}
