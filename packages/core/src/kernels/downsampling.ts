/** The factor round(shorter side / 256), at least 1, by which images are averaged down first. Halves round to even, as Python's `round` has them, or away from 0, as MATLAB's. */
export function downsampleFactor(height: number, width: number, halves: "to even" | "up"): number {
  const ratio = Math.min(height, width) / 256;
  const rounded = Math.round(ratio);
  const toEven = rounded - ratio === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
  return Math.max(1, halves === "to even" ? toEven : rounded);
}
