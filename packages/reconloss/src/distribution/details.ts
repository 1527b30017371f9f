import { nearestRows, symmetricEigenvalues } from "@reconloss/core/internal";
import type { FeatureRows, Side } from "@reconloss/core/metrics";
import { statisticsOf } from "./statistics.ts";

/** An output and the real image whose features are nearest to its own. */
export interface Neighbour {
  readonly output: string;
  readonly real: string;
  /** Distance of their features. */
  readonly distance: number;
}

/** The details of two sets of features that a report shows. */
export interface SetDetails {
  /** The outputs that are nearest to a real image, nearest first: copies, if the distance is near 0. */
  readonly nearest: readonly Neighbour[];
  /** Those that are farthest from all, farthest first. */
  readonly farthest: readonly Neighbour[];
  /** Variances along the principal axes of each side, largest first. */
  readonly spectra: Readonly<Record<Side, readonly number[]>>;
}

/** Images in each list. */
const shown = 12;

/** The details of two sets, whose rows have these names. */
export async function setDetails(
  rows: Readonly<Record<Side, FeatureRows>>,
  names: Readonly<Record<Side, (row: number) => Promise<string>>>,
): Promise<SetDetails> {
  const { distances: closest, partners } = await nearestRows(rows.output, rows.real);
  const order = Array.from(closest, (_, row) => row).sort((a, b) => closest[a] - closest[b]);
  const neighbour = async (row: number): Promise<Neighbour> => ({
    output: await names.output(row),
    real: await names.real(partners[row]),
    distance: Math.sqrt(closest[row]),
  });
  return {
    nearest: await Promise.all(order.slice(0, shown).map(neighbour)),
    farthest: await Promise.all(order.slice(-shown).reverse().map(neighbour)),
    spectra: { output: await spectrumOf(rows.output), real: await spectrumOf(rows.real) },
  };
}

async function spectrumOf(rows: FeatureRows): Promise<number[]> {
  const { covariance } = await statisticsOf(rows);
  return [...(await symmetricEigenvalues(covariance))].reverse().map((value) => Math.max(value, 0));
}
