/**
 * The orthonormal cosine transform (DCT-II) of square blocks of a side, in both directions, in place, or its inverse.
 *
 * @param side - of a block
 * @returns takes a block row by row
 */
export function cosineTransform(side: number): (block: Float64Array, inverse: boolean) => void {
  /** Row k, column x. */
  const cosines = Float64Array.from({ length: side * side }, (_, index) => {
    const [k, x] = [Math.floor(index / side), index % side];
    return (k === 0 ? Math.SQRT1_2 : 1) * Math.sqrt(2 / side) * Math.cos(((2 * x + 1) * k * Math.PI) / (2 * side));
  });
  const between = new Float64Array(side * side);
  return (block, inverse) => {
    const outer = inverse ? 1 : side;
    const inner = inverse ? side : 1;
    for (let row = 0; row < side; row++) {
      for (let k = 0; k < side; k++) {
        let sum = 0;
        for (let x = 0; x < side; x++) sum += cosines[outer * k + inner * x] * block[side * row + x];
        between[side * row + k] = sum;
      }
    }
    for (let column = 0; column < side; column++) {
      for (let k = 0; k < side; k++) {
        let sum = 0;
        for (let y = 0; y < side; y++) sum += cosines[outer * k + inner * y] * between[side * y + column];
        block[side * k + column] = sum;
      }
    }
  };
}
