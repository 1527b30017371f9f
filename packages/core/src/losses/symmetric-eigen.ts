import type { Ops } from "../graph/ops.ts";

/** The number of sweeps over all pairs of rows: what is left beside the diagonal of ten rows is about 1e-9 of the largest number where they were nearly diagonal before, as after a cosine transform, else 1e-4. */
const sweeps = 4;

/** A matrix of so many rows and columns. */
function constantMatrix<T>(o: Ops<T>, size: number, entry: (row: number, column: number) => number): T {
  const entries = Array.from({ length: size * size }, (_, i) => entry(Math.floor(i / size), i % size));
  return o.constant(entries, [1, 1, size, size]);
}

/** The partners of an even number of rows in rounds in which each meets every other once: one stays, the others go around it. */
function roundRobin(size: number): number[][] {
  const others = size - 1;
  return Array.from({ length: others }, (_, round) =>
    Array.from({ length: size }, (_, row) => {
      if (row === others) return round;
      const partner = (2 * round - row + 2 * others) % others;
      return partner === row ? others : partner;
    }),
  );
}

/**
 * The eigenvalues [n, c, size, 1] and, as columns, the eigenvectors [n, c, size, size] of symmetric matrices [n, c, size, size] of an even size, in no order, by Jacobi's rotations of half
 * as many pairs at a time (Brent, Luk 1985). They carry no gradient.
 */
export function symmetricEigen<T>(o: Ops<T>, matrices: T, size: number): { values: T; vectors: T } {
  const identity = constantMatrix(o, size, (row, column) => (row === column ? 1 : 0));
  const ones = o.constant(new Array(size).fill(1), [1, 1, size, 1]);
  // Sums of one number each.
  const pick = (x: T, mask: T) => o.matmul(o.mul(x, mask), ones);
  const rounds = roundRobin(size).map((partners) => ({
    partner: constantMatrix(o, size, (row, column) => (partners[row] === column ? 1 : 0)),
    twice: constantMatrix(o, size, (row, column) => (partners[row] === column ? 2 : 0)),
    difference: constantMatrix(o, size, (row, column) => (partners[row] === column ? 1 : row === column ? -1 : 0)),
    // Gives equal numbers, which are to be turned by 45 degrees, a difference with a sign.
    split: o.constant(
      partners.map((partner, row) => (row < partner ? 1e-25 : -1e-25)),
      [1, 1, size, 1],
    ),
  }));

  let matrix = o.stopGradient(matrices);
  let vectors = identity;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (const { partner, twice, difference, split } of rounds) {
      const apart = o.add(o.matmul(difference, pick(matrix, identity)), split);
      const beside = pick(matrix, twice);
      const length = o.sqrt(o.add(o.square(apart), o.square(beside)));
      // The tangent of the smaller of two angles, of opposite signs in the rows of a pair.
      const tangent = o.div(beside, o.add(apart, o.mul(o.sign(apart), length)));
      const cosine = o.power(o.add(o.square(tangent), 1), -0.5);
      const rotation = o.mul(o.sub(identity, o.mul(partner, tangent)), cosine);
      matrix = o.matmul(o.matmul(rotation, matrix), rotation, { transposeB: true });
      vectors = o.matmul(vectors, rotation, { transposeB: true });
    }
  }
  return { values: pick(matrix, identity), vectors };
}
