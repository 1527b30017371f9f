/** Two pictures as canvases hold them, 8-bit RGBA and opaque: a gradient with a grid, and the same a little brighter and shifted. */
export function pictures(size) {
  return [0, 1].map((which) => {
    const data = new Uint8ClampedArray(size * size * 4);
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const [u, v] = [x + 2 * which, y];
        const grid = u % 8 < 2 || v % 16 < 3 ? 90 : 0;
        const at = (y * size + x) * 4;
        data.set([((u * 5) % 160) + grid, ((v * 3) % 150) + grid, ((u * v) % 140) + 8 * which, 255], at);
      }
    }
    return { data, width: size, height: size };
  });
}

/** A value and its gradient as messages carry them: every so many numbers of the gradient. */
export function summary({ value, grad }) {
  return { value, shape: [...grad.shape], grad: Array.from(grad.data).filter((_, i) => i % 61 === 0) };
}
