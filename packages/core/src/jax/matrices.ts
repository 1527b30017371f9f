import type { ResizeAttributes } from "../graph/primitives.ts";
import { resizeTaps, wave } from "../graph/sampling.ts";

/** A matrix row by row. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array<ArrayBuffer>;
}

/** The matrix [outputs, inputs] of an interpolation along one axis. */
export function resizeMatrix(inputs: number, outputs: number, attributes: ResizeAttributes): Matrix {
  const values = new Float32Array(outputs * inputs);
  for (const [output, taps] of resizeTaps(inputs, outputs, attributes).entries())
    for (const [input, weight] of taps) values[output * inputs + input] += weight;
  return { rows: outputs, columns: inputs, values };
}

/** The matrices [positions, frequencies] of an axis's Fourier transform: the cosine of the angle of each, and the sine. */
export function waveMatrices(positions: number, frequencies: number): readonly [cosines: Matrix, sines: Matrix] {
  const matrix = (part: 0 | 1): Matrix => ({
    rows: positions,
    columns: frequencies,
    values: Float32Array.from(
      { length: positions * frequencies },
      (_, i) => wave(Math.floor(i / frequencies) * (i % frequencies), positions)[part],
    ),
  });
  return [matrix(0), matrix(1)];
}
