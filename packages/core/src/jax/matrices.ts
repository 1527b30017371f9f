import type { ResizeAttributes } from "../graph/primitives.ts";

/** The matrix [outputs, inputs] of an interpolation along one axis. */
export function resizeWeights(
  inputs: number,
  outputs: number,
  { mode, alignCorners }: ResizeAttributes,
): Float32Array<ArrayBuffer> {
  const weights = new Float32Array(outputs * inputs);
  for (let i = 0; i < outputs; i++) {
    if (mode === "nearest") {
      weights[i * inputs + Math.min(Math.floor((i * inputs) / outputs), inputs - 1)] = 1;
      continue;
    }
    const source = alignCorners
      ? (i * (inputs - 1)) / Math.max(outputs - 1, 1)
      : Math.max(((i + 0.5) * inputs) / outputs - 0.5, 0);
    const low = Math.min(Math.floor(source), inputs - 1);
    weights[i * inputs + low] += 1 - (source - low);
    weights[i * inputs + Math.min(low + 1, inputs - 1)] += source - low;
  }
  return weights;
}

/** The matrix [positions, frequencies] of a function of the angle between a position and a frequency, which is exact at quarter turns. */
function waves(positions: number, frequencies: number, shift: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: positions * frequencies }, (_, index) => {
    const turns = (Math.floor(index / frequencies) * (index % frequencies)) % positions;
    const quarters = (4 * turns) / positions + shift;
    return Number.isInteger(quarters) ? [1, 0, -1, 0][quarters % 4] : Math.cos((Math.PI / 2) * quarters);
  });
}

/** The cosines of an axis's Fourier transform, [positions, frequencies]. */
export function cosines(positions: number, frequencies: number): Float32Array<ArrayBuffer> {
  return waves(positions, frequencies, 0);
}

/** The sines. */
export function sines(positions: number, frequencies: number): Float32Array<ArrayBuffer> {
  return waves(positions, frequencies, 3);
}
