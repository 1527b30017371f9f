import { type Kernels, planeStride } from "../module.ts";
import type { WritableRows } from "../rows.ts";
import type { PhaseSpec, PhaseTables } from "../types.ts";
import type { StripKernel } from "./strip.ts";

/** Wavelengths that are computed at once, one in each lane. */
export const mostScales = 4;

/** Brings the plans of columns and of rows into memory. */
export function placePlans(kernels: Kernels, { planH, planW }: PhaseTables): readonly [planH: number, planW: number] {
  const place = (plan: Uint8Array) => {
    const address = kernels.bytes(plan.length);
    new Uint8Array(kernels.memory.buffer, address, plan.length).set(plan);
    return address;
  };
  return [place(planH), place(planW)];
}

/** Writes the two planes of a direction. */
function writeTwo(
  kernels: Kernels,
  map: WritableRows,
  orientation: number,
  pixels: number,
  planes: number,
  stride: number,
) {
  for (const [i, plane] of [planes, planes + 4 * stride].entries()) {
    const first = (2 * orientation + i) * pixels;
    kernels.write(map, 0, first, first + pixels, plane);
  }
}

/** Waves of one direction a strip, which all have the whole image. The map is of two planes a direction: what agrees in phase, less noise, and the sum of amplitudes. The sums are the median amplitudes of the shortest waves. */
export const phase: StripKernel<PhaseSpec> = {
  needsTarget: false,
  // A transform has some fifty operations a place, and there are four and their amplitudes.
  weight: 128,
  fewStrips: true,
  mapSize: ({ orientations }, [, height, width]) => [2 * orientations * height, width],
  strips: ({ orientations }) => Array.from({ length: orientations }, (_, i) => [i, i + 1] as const),
  sourceRows: (_, [, height]) => [0, height],
  gradRows: () => [0, 0],
  mapRows: (_, [, height], [from, to]) => [2 * height * from, 2 * height * to],
  run: (kernels, spec, planes, [orientation], { output, target, map }) => {
    const [, h, w] = planes;
    const pixels = h * w;
    const { tables } = spec;
    const stride = planeStride(pixels);
    kernels.reset();
    const plans = placePlans(kernels, tables);
    const radial = kernels.place(tables.radial);
    const spread = kernels.place(tables.spread[orientation]);
    const [coefficients, planesOf] = [kernels.floats(2 * stride), kernels.floats(2 * stride)];
    const scratch = kernels.bytes(kernels.run.phaseScratch(h, w));
    kernels.read(output, [0, 2], 0, pixels, coefficients, stride, 0);
    const [first, second] = [planesOf, planesOf + 4 * stride];
    const waves = [coefficients, coefficients + 4 * stride, spread, radial, h, w, ...plans] as const;
    const threshold = tables.thresholds[orientation];
    const medians = new Float64Array(spec.orientations);
    if (spec.medians) {
      kernels.read(target!, [0, 2], 0, pixels, planesOf, stride, 0);
      const median = spec.medians[orientation];
      // The coefficients are not needed when slopes are written.
      const [re, im] = waves;
      kernels.run.phaseSlopes(...waves, threshold, median, first, second, re, im, scratch);
      writeTwo(kernels, map!, orientation, pixels, coefficients, stride);
    } else {
      medians[orientation] = kernels.run.phase(...waves, threshold, first, second, scratch);
      writeTwo(kernels, map!, orientation, pixels, planesOf, stride);
    }
    return medians;
  },
  finish: () => Number.NaN,
};
