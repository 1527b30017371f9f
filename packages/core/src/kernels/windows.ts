import { ReconlossError } from "../errors.ts";
import type { Shape } from "../tensor.ts";
import type { MsSsimSpec, SsimSpec } from "./types.ts";

/**
 * The smallest side of an image at which every scale holds windows: whole ones, at the coarsest scale those of `region`. One scale: SSIM alone.
 */
export function leastSide(
  window: number,
  scales: number,
  odd: MsSsimSpec["odd"],
  region: SsimSpec["region"] = "valid",
): number {
  let least = { valid: window, zero: 1, reflect: (window >> 1) + 1, replicate: 1 }[region];
  for (let scale = 1; scale < scales; scale++) least = Math.max(window, odd === "drop" ? 2 * least : 2 * least - 1);
  return least;
}

/** Refuses windows that make no sense, or do not fit images of a shape. */
export function checkWindow(
  name: string,
  { window, k1, k2 }: Pick<SsimSpec, "window" | "k1" | "k2">,
  smallest: number,
  [, , height, width]: Shape,
): void {
  const { size } = window;
  if (!Number.isInteger(size) || size < 1 || size % 2 === 0) {
    throw new ReconlossError("invalid-argument", `${name}: window.size must be odd and positive, got ${size}`);
  }
  if (window.shape === "gaussian" && !(window.sigma > 0)) {
    throw new ReconlossError("invalid-argument", `${name}: window.sigma must be positive, got ${window.sigma}`);
  }
  if (!(k1 > 0 && k2 > 0)) {
    throw new ReconlossError("invalid-argument", `${name}: k1 and k2 must be positive, got ${k1} and ${k2}`);
  }
  checkSides(name, size, smallest, [height, width]);
}

/** Refuses images that a window does not fit. */
export function checkSides(
  name: string,
  size: number,
  smallest: number,
  [height, width]: readonly [height: number, width: number],
): void {
  if (Math.min(height, width) >= smallest) return;
  throw new ReconlossError(
    "shape",
    `${name}: output is ${height}x${width} pixels, but a window of ${size} needs at least ${smallest}x${smallest}`,
  );
}
