import type { FeatureRows } from "./features.ts";
import { exactDistance, forBlockPairs, forOwnBlockPairs, slackOf } from "./points.ts";

/** The number of neighbourhoods that hold each image of the other set. */
export interface NeighbourhoodCounts {
  /** For each output, how many neighbourhoods of reals hold it. */
  readonly output: Uint32Array;
  /** For each real, how many neighbourhoods of outputs hold it. */
  readonly real: Uint32Array;
  /** For each real, how many outputs its own neighbourhood holds. */
  readonly held: Uint32Array;
  /** The squared radius of each image's neighbourhood. */
  readonly radii: { readonly output: Float64Array; readonly real: Float64Array };
}

/**
 * Counts which images lie in whose neighbourhoods, that reach to the k-th nearest other image of the same set. Memory is a few numbers for each image
 * and the products of two blocks.
 *
 * Distances come from products of blocks; those that rounding could bring to the other side of a radius are computed again as a sum of squared
 * differences. So ties are ties whatever the blocks, and equal images are 0 apart.
 *
 * @param closed - whether an image at the radius is inside
 */
export async function neighbourhoodCounts(
  output: FeatureRows,
  real: FeatureRows,
  { k, closed, block }: { k: number; closed: boolean; block?: number },
): Promise<NeighbourhoodCounts> {
  const radii = { output: await radiiOf(output, k, block), real: await radiiOf(real, k, block) };
  const counts = {
    output: new Uint32Array(output.count),
    real: new Uint32Array(real.count),
    held: new Uint32Array(real.count),
  };
  const slack = slackOf(output.dimension);
  const isInside = (distance: number, radius: number) => distance < radius || (closed && distance === radius);
  await forBlockPairs(
    output,
    real,
    ({ a, b, products, i, j }) => {
      for (let r = 0; r < a.rows; r++) {
        const ofOutput = radii.output[i + r];
        for (let c = 0; c < b.rows; c++) {
          const ofReal = radii.real[j + c];
          const squares = a.squares[r] + b.squares[c];
          let distance = squares - 2 * products[r * b.rows + c];
          const margin = slack * squares;
          if (Math.abs(distance - ofOutput) <= margin || Math.abs(distance - ofReal) <= margin) {
            distance = exactDistance(a, r, b, c);
          }
          if (isInside(distance, ofOutput)) counts.real[j + c]++;
          if (isInside(distance, ofReal)) {
            counts.output[i + r]++;
            counts.held[j + c]++;
          }
        }
      }
    },
    { block },
  );
  return { ...counts, radii };
}

/** The squared distance of each row to its k-th nearest other. */
async function radiiOf(rows: FeatureRows, k: number, block?: number): Promise<Float64Array> {
  const nearest = new Float64Array(rows.count * k).fill(Number.POSITIVE_INFINITY);
  const slack = slackOf(rows.dimension);
  const insert = (distance: number, i: number) => {
    const last = (i + 1) * k - 1;
    if (distance >= nearest[last]) return;
    let at = last;
    for (; at > i * k && nearest[at - 1] > distance; at--) nearest[at] = nearest[at - 1];
    nearest[at] = distance;
  };
  await forOwnBlockPairs(
    rows,
    ({ a, b, products, i, j }) => {
      for (let r = 0; r < a.rows; r++) {
        // Of a block with itself each pair once.
        for (let c = i === j ? r + 1 : 0; c < b.rows; c++) {
          const squares = a.squares[r] + b.squares[c];
          const least = squares * (1 - slack) - 2 * products[r * b.rows + c];
          if (least >= nearest[(i + r + 1) * k - 1] && least >= nearest[(j + c + 1) * k - 1]) continue;
          const distance = exactDistance(a, r, b, c);
          insert(distance, i + r);
          insert(distance, j + c);
        }
      }
    },
    { block },
  );
  return Float64Array.from({ length: rows.count }, (_, i) => nearest[(i + 1) * k - 1]);
}

/** The share of numbers above 0. */
export function shareAbove0(counts: Uint32Array): number {
  return counts.reduce((sum, count) => sum + Number(count > 0), 0) / counts.length;
}

/** The nearest row of another set. */
export interface NearestRows {
  /** Squared distances. */
  readonly distances: Float64Array;
  /** The number of the nearest row; of equally near ones the first. */
  readonly partners: Uint32Array;
}

/** For each row of `x` the nearest of `y`; rows that are equal are 0 apart. */
export async function nearestRows(x: FeatureRows, y: FeatureRows): Promise<NearestRows> {
  const distances = new Float64Array(x.count).fill(Number.POSITIVE_INFINITY);
  const partners = new Uint32Array(x.count);
  const slack = slackOf(x.dimension);
  await forBlockPairs(x, y, ({ a, b, products, i, j }) => {
    for (let r = 0; r < a.rows; r++) {
      for (let c = 0; c < b.rows; c++) {
        const squares = a.squares[r] + b.squares[c];
        if (squares * (1 - slack) - 2 * products[r * b.rows + c] >= distances[i + r]) continue;
        const distance = exactDistance(a, r, b, c);
        if (distance >= distances[i + r]) continue;
        distances[i + r] = distance;
        partners[i + r] = j + c;
      }
    }
  });
  return { distances, partners };
}
