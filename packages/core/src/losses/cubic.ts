/** Keys' cubic kernel with a = -1/2, the bicubic of MATLAB. */
export function cubic(x: number): number {
  const distance = Math.abs(x);
  if (distance <= 1) return 1.5 * distance ** 3 - 2.5 * distance ** 2 + 1;
  return distance < 2 ? -0.5 * distance ** 3 + 2.5 * distance ** 2 - 4 * distance + 2 : 0;
}

/**
 * The matrix [output, input] that resizes an axis as MATLAB's `imresize`: cubic, widened where it reduces, the axis mirrored with its ends repeated.
 *
 * @param scale - how far apart positions of the input are in those of the output
 */
export function cubicMatrix(input: number, output: number, scale: number): Float64Array {
  const matrix = new Float64Array(input * output);
  const widening = Math.min(scale, 1);
  const reach = 2 / widening;
  for (let row = 0; row < output; row++) {
    const centre = (row + 0.5) / scale - 0.5;
    const taps = new Map<number, number>();
    let total = 0;
    for (let place = Math.ceil(centre - reach); place <= Math.floor(centre + reach); place++) {
      const weight = cubic((centre - place) * widening);
      const wrapped = ((place % (2 * input)) + 2 * input) % (2 * input);
      const source = wrapped < input ? wrapped : 2 * input - 1 - wrapped;
      taps.set(source, (taps.get(source) ?? 0) + weight);
      total += weight;
    }
    for (const [source, weight] of taps) matrix[row * input + source] = weight / total;
  }
  return matrix;
}
