import type { Ops } from "../graph/ops.ts";

/** Half the size, by means over 2x2 pixels. What an odd side leaves over is averaged with a row or column of zeros after it, or left out. */
export function halveBy<T>(o: Ops<T>, x: T, odd: "zero" | "drop"): T {
  // Of an even side, the row of zeros is no square's.
  return o.avgPool(odd === "zero" ? o.pad(x, { top: 0, left: 0, bottom: 1, right: 1 }) : x, 2);
}

/** Means over squares, side by side, the image continued with zeros: about (factor - 1) / 2 before it, the rest after it; what does not fill a square is left out. */
export function averageBy<T>(o: Ops<T>, x: T, factor: number): T {
  if (factor === 1) return x;
  const [before, after] = [(factor - 1) >> 1, factor >> 1];
  return o.avgPool(o.pad(x, { top: before, left: before, bottom: after, right: after }), factor);
}

/** A weight averaged as the images are, but over pixels alone: zeros beyond the border are none. */
export function averagedWeight<T>(o: Ops<T>, weight: T, average: (x: T) => T): T {
  return o.div(average(weight), average(o.expand(o.scalar(1), weight)));
}
