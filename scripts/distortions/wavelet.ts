import { Tensor } from "../../packages/core/src/tensor.ts";

/** Position -1 is 1, and the one after the last the one before it. */
function mirror(position: number, length: number): number {
  if (position < 0) return Math.min(-position, length - 1);
  return position < length ? position : Math.max(0, 2 * (length - 1) - position);
}

/**
 * One line's even pixels smoothed, its odd ones as what differs from the mean of their neighbours, or back again (LeGall, Tabatabai 1988, by lifting:
 * the wavelet of JPEG 2000's lossless half). Values stay where they are.
 */
function lift(values: Float64Array, start: number, step: number, length: number, inverse: boolean): void {
  const at = (position: number) => start + step * mirror(position, length);
  const sign = inverse ? -1 : 1;
  const predict = () => {
    for (let odd = 1; odd < length; odd += 2) {
      values[at(odd)] -= (sign * (values[at(odd - 1)] + values[at(odd + 1)])) / 2;
    }
  };
  const update = () => {
    for (let even = 0; even < length; even += 2) {
      values[at(even)] += (sign * (values[at(even - 1)] + values[at(even + 1)])) / 4;
    }
  };
  if (length < 2) return;
  for (const pass of inverse ? [update, predict] : [predict, update]) pass();
}

/**
 * Compresses an image as a wavelet codec does at few bits: coefficients of the 5/3 wavelet below a threshold are dropped, at five scales.
 *
 * @param image - [n, c, h, w]
 * @param threshold - in units of the image, for the length of a coefficient's channels: 0 changes nothing
 */
export function wavelet(image: Tensor, threshold: number): Tensor {
  const [n, c, h, w] = image.shape;
  const area = h * w;
  const values = Float64Array.from(image.data);
  const scales = [0, 1, 2, 3, 4].map((scale) => 2 ** scale);
  const level = (spacing: number, inverse: boolean) => {
    const [rows, columns] = [Math.ceil(h / spacing), Math.ceil(w / spacing)];
    const passes = [
      (plane: number) => {
        for (let y = 0; y < rows; y++) lift(values, plane * area + y * spacing * w, spacing, columns, inverse);
      },
      (plane: number) => {
        for (let x = 0; x < columns; x++) lift(values, plane * area + x * spacing, spacing * w, rows, inverse);
      },
    ];
    for (let plane = 0; plane < n * c; plane++) for (const pass of inverse ? passes.toReversed() : passes) pass(plane);
  };
  for (const spacing of scales) level(spacing, false);
  for (let index = 0; index < n; index++) {
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        // The scale at which a place is an odd one; what is odd at none is kept. A coefficient counts by the width of its wave.
        const scale = scales.find((spacing) => (y / spacing) % 2 === 1 || (x / spacing) % 2 === 1);
        if (scale === undefined) continue;
        let square = 0;
        for (let channel = 0; channel < c; channel++) square += values[(index * c + channel) * area + y * w + x] ** 2;
        if (scale * Math.sqrt(square) >= threshold) continue;
        for (let channel = 0; channel < c; channel++) values[(index * c + channel) * area + y * w + x] = 0;
      }
    }
  }
  for (const spacing of scales.toReversed()) level(spacing, true);
  return new Tensor(
    Float32Array.from(values, (value) => Math.min(1, Math.max(0, value))),
    image.shape,
  );
}
