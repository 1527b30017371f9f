import type { Ops } from "../graph/ops.ts";

/** A binomial filter along both axes of one channel, mirrored at the border, its weights adding up to `gain`. */
function blur<T>(o: Ops<T>, x: T, gain: number, stride = 1): T {
  const taps = [1, 4, 6, 4, 1].map((tap) => tap / 16);
  const across = o.constant(taps, [1, 1, 1, taps.length]);
  const down = o.constant(
    taps.map((tap) => tap * gain),
    [1, 1, taps.length, 1],
  );
  const rows = o.conv2d(o.padWith(x, 2, "reflect"), across, { stride: [1, stride] });
  return o.conv2d(rows, down, { stride: [stride, 1] });
}

/** A weight, as the images of a pyramid are halved. */
export function halvedWeight<T>(o: Ops<T>, weight: T): T {
  return blur(o, weight, 1, 2);
}

/** An image of half the size enlarged to the size of `like`: zeros between its pixels, blurred. */
function enlarged<T>(o: Ops<T>, half: T, like: T): T {
  const [, , h, w] = o.dims(like) as readonly number[];
  // Odd sides get a zero more, which the mirror at the border is behind.
  const even = o.pad(like, { top: 0, left: 0, bottom: h % 2, right: w % 2 });
  const rows = o.embed(half, o.slice(even, "w", 0, undefined, 2), "h", 0, undefined, 2);
  const blurred = blur(o, o.embed(rows, even, "w", 0, undefined, 2), 2);
  return o.slice(o.slice(blurred, "h", 0, h), "w", 0, w);
}

/**
 * The Laplacian pyramid of one channel (Burt, Adelson 1983), finest band first, the last of so many scales what is left; each scale has twice the contrast of the one before, as in
 * Simoncelli's matlabPyrTools. Sides must be at least 3 at each scale but the last.
 */
export function laplacianPyramid<T>(o: Ops<T>, x: T, scales: number): T[] {
  const bands: T[] = [];
  let rest = x;
  for (let scale = 1; scale < scales; scale++) {
    const half = blur(o, rest, 2, 2);
    bands.push(o.sub(rest, enlarged(o, half, rest)));
    rest = half;
  }
  return [...bands, rest];
}
