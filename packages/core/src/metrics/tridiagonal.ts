import { ReconlossError } from "../errors.ts";
import type { Tridiagonal } from "../kernels/reflections.ts";

/** A square this small, beside the matrix's largest element, about 1, is 0 whatever its neighbours on the diagonal. */
const negligible = Number.EPSILON ** 4;

/**
 * The eigenvalues of a tridiagonal matrix with elements up to about 1, in ascending order: implicit QL on the squares of the off-diagonal, which
 * needs no square root within a sweep (Pal, Walker, Kahan; Parlett, The Symmetric Eigenvalue Problem, section 8.15). Each eigenvalue
 * converges in about two sweeps. The matrix is overwritten.
 */
export function tridiagonalEigenvalues({ diagonal: d, offDiagonal }: Tridiagonal): Float64Array {
  const n = d.length;
  const squares = offDiagonal.map((value) => value * value);
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l;
      while (m < n - 1 && squares[m] > Number.EPSILON ** 2 * Math.abs(d[m] * d[m + 1]) + negligible) m++;
      if (m === l) break;
      if (sweep === 100) {
        throw new ReconlossError("non-finite", "the eigenvalues do not converge: the QL sweeps do not end");
      }
      sweepFrom(l, m, d, squares);
    }
  }
  return d.sort();
}

/** One sweep over the unreduced block from l to m, with Wilkinson's shift. */
function sweepFrom(l: number, m: number, d: Float64Array, squares: Float64Array): void {
  const root = Math.sqrt(squares[l]);
  const slope = (d[l + 1] - d[l]) / (2 * root);
  const shift = d[l] - root / (slope + (slope < 0 ? -1 : 1) * Math.sqrt(slope * slope + 1));
  let [cosine, sine] = [1, 0];
  let g = d[m] - shift;
  let p = g * g;
  for (let i = m - 1; i >= l; i--) {
    const square = squares[i];
    const r = p + square;
    squares[i + 1] = sine * r;
    const lastCosine = cosine;
    cosine = p / r;
    sine = square / r;
    const lastG = g;
    g = cosine * (d[i] - shift) - sine * lastG;
    d[i + 1] = lastG + (d[i] - g);
    p = cosine === 0 ? lastCosine * square : (g * g) / cosine;
  }
  squares[l] = sine * p;
  d[l] = shift + g;
}
