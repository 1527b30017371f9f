/** Keys' cubic kernel: with a = -1/2 the bicubic of MATLAB, with -3/4 that of OpenCV. */
export function cubic(x: number, a = -0.5): number {
  const distance = Math.abs(x);
  if (distance <= 1) return (a + 2) * distance ** 3 - (a + 3) * distance ** 2 + 1;
  return distance < 2 ? a * (distance ** 3 - 5 * distance ** 2 + 8 * distance - 4) : 0;
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

/** The matrix [output, input] that resizes an axis as OpenCV's `INTER_CUBIC`: of four neighbours, however far it reduces, the ends repeated beyond the axis. */
export function opencvCubicMatrix(input: number, output: number): Float64Array {
  const matrix = new Float64Array(input * output);
  for (let row = 0; row < output; row++) {
    const centre = (row + 0.5) * (input / output) - 0.5;
    for (let place = Math.floor(centre) - 1; place <= Math.floor(centre) + 2; place++) {
      const source = Math.min(Math.max(place, 0), input - 1);
      matrix[row * input + source] += cubic(centre - place, -0.75);
    }
  }
  return matrix;
}
