import { fourierPlan } from "./fourier.ts";
import { logGabor, type PhaseOptions } from "./log-gabor.ts";
import { mostScales } from "./strips/phase.ts";
import type { PhaseTables, Planes } from "./types.ts";

/** The same numbers in memory that all threads see, where the host has it. */
function shared<A extends Float32Array | Uint8Array>(array: A): A {
  if (typeof SharedArrayBuffer === "undefined") return array;
  const copy = new (array.constructor as new (buffer: SharedArrayBuffer) => A)(new SharedArrayBuffer(array.byteLength));
  copy.set(array);
  return copy;
}

/** Tables of the sizes that came last: those of an image and of another, so that pairs of two sizes in turn make them once. */
const kept = new Map<string, PhaseTables>();
const mostKept = 2;

/** The tables for planes of a size. */
export function tablesOf({ scales, orientations }: PhaseOptions, [, h, w]: Planes): PhaseTables {
  const name = [h, w, scales, orientations].join();
  const known = kept.get(name);
  const tables = known ?? makeTables(h, w, scales, orientations);
  kept.delete(name);
  kept.set(name, tables);
  for (const oldest of kept.keys()) if (kept.size > mostKept) kept.delete(oldest);
  return tables;
}

function makeTables(h: number, w: number, scales: number, orientations: number): PhaseTables {
  const filters = logGabor(h, w, { scales, orientations });
  const radial = shared(new Float32Array(mostScales * filters.radial[0].length));
  for (const [scale, filter] of filters.radial.entries())
    for (const [i, value] of filter.entries()) radial[mostScales * i + scale] = value / (h * w);
  return {
    planH: shared(fourierPlan(h)),
    planW: shared(fourierPlan(w)),
    radial,
    spread: filters.spread.map((part) => shared(Float32Array.from(part))),
    thresholds: filters.thresholds,
  };
}
