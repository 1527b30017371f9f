import { decibels } from "./decibels.ts";

/** A window of both images, in rows. */
export interface Window {
  readonly width: number;
  readonly height: number;
  readonly output: Float32Array;
  readonly target: Float32Array;
  /** The weight of each pixel; undefined where all count the same. */
  readonly weight?: Float32Array;
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/** The displacement of an output against its target, in pixels, and its cost in dB of PSNR. */
export interface Shift extends Place {
  readonly cost: number;
  /** The same without the finest detail, in which outputs differ from targets for other reasons. */
  readonly soft: number;
}

/** The furthest whole shift, how far interpolation reaches, and how often a shift is refined. */
const [furthest, reach, rounds] = [8, 4, 6];
const margin = furthest + reach + 1;

/** The number of times that planes are softened: together by 1.7 pixels. */
const passes = 3;

/** Below this correlation a shift by whole pixels is looked for first. */
const nearCorrelation = 0.98;

/** Refined until it moves by less, in pixels; so small a shift at the first step is none. */
const [settled, none] = [0.003, 0.04];

/** [1 4 6 4 1] / 16 along both axes. The border is left as it is. */
function softenedOnce(plane: Float32Array, width: number, height: number): Float32Array {
  const rows = plane.slice();
  for (let y = 0; y < height; y++) {
    for (let x = 2; x < width - 2; x++) {
      const at = y * width + x;
      rows[at] = (plane[at - 2] + 4 * plane[at - 1] + 6 * plane[at] + 4 * plane[at + 1] + plane[at + 2]) / 16;
    }
  }
  const both = rows.slice();
  for (let y = 2; y < height - 2; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      both[at] =
        (rows[at - 2 * width] + 4 * rows[at - width] + 6 * rows[at] + 4 * rows[at + width] + rows[at + 2 * width]) / 16;
    }
  }
  return both;
}

/** A plane without its finest detail, in which outputs differ from targets most, and which says least of where they lie. */
function softened(plane: Float32Array, { width, height }: Window): Float32Array {
  let soft = plane;
  for (let pass = 0; pass < passes; pass++) soft = softenedOnce(soft, width, height);
  return soft;
}

/** Weights of the neighbours from -3 to 4 of a place that lies `fraction` behind a pixel (Lanczos, four lobes). */
function tapsAt(fraction: number): Float64Array {
  const taps = Float64Array.from({ length: 2 * reach }, (_, k) => {
    const x = k - reach + 1 - fraction;
    if (Math.abs(x) < 1e-9) return 1;
    if (Math.abs(x) >= reach) return 0;
    return (reach * Math.sin(Math.PI * x) * Math.sin((Math.PI * x) / reach)) / (Math.PI * x) ** 2;
  });
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}

/** A plane moved to the right and down, inside its margin and one pixel around; 0 elsewhere. */
function moved(plane: Float32Array, width: number, height: number, x: number, y: number): Float32Array {
  const [left, up] = [-x, -y];
  const [wholeX, wholeY] = [Math.floor(left), Math.floor(up)];
  const [across, down] = [tapsAt(left - wholeX), tapsAt(up - wholeY)];
  const edge = margin - 1;
  const rows = new Float32Array(width * height);
  const result = new Float32Array(width * height);
  const first = Math.max(0, edge + wholeY - reach + 1);
  const last = Math.min(height, height - edge + wholeY + reach);
  for (let row = first; row < last; row++) {
    for (let column = edge; column < width - edge; column++) {
      const at = row * width + column + wholeX - reach + 1;
      let sum = 0;
      for (let k = 0; k < 2 * reach; k++) sum += across[k] * plane[at + k];
      rows[row * width + column] = sum;
    }
  }
  for (let row = edge; row < height - edge; row++) {
    for (let column = edge; column < width - edge; column++) {
      const at = (row + wholeY - reach + 1) * width + column;
      let sum = 0;
      for (let k = 0; k < 2 * reach; k++) sum += down[k] * rows[at + k * width];
      result[row * width + column] = sum;
    }
  }
  return result;
}

/** Calls with the place of each pixel inside the margin, and what it counts. */
function inside({ width, height, weight }: Window, each: (at: number, counts: number) => void): void {
  for (let y = margin; y < height - margin; y++) {
    for (let at = y * width + margin; at < (y + 1) * width - margin; at++) {
      each(at, weight === undefined ? 1 : weight[at]);
    }
  }
}

/** The target of a window moved to the right and down, as {@link moved} does; itself where it is not. */
function targetAt({ target, width, height }: Window, x: number, y: number): Float32Array {
  return x === 0 && y === 0 ? target : moved(target, width, height, x, y);
}

/** The squared error of windows against a target that is moved. */
function errorAt(windows: readonly Window[], x: number, y: number): number {
  let sum = 0;
  for (const window of windows) {
    const target = targetAt(window, x, y);
    inside(window, (at, counts) => {
      sum += counts * (window.output[at] - target[at]) ** 2;
    });
  }
  return sum;
}

/** The step from a shift to a better one: least squares of what is left over the slopes of the moved target. */
function refinement(windows: readonly Window[], x: number, y: number): readonly [x: number, y: number] | undefined {
  let [xx, xy, yy, xe, ye] = [0, 0, 0, 0, 0];
  for (const window of windows) {
    const { width, output } = window;
    const target = targetAt(window, x, y);
    inside(window, (at, counts) => {
      const slopeX = (target[at - 1] - target[at + 1]) / 2;
      const slopeY = (target[at - width] - target[at + width]) / 2;
      const left = output[at] - target[at];
      xx += counts * slopeX * slopeX;
      xy += counts * slopeX * slopeY;
      yy += counts * slopeY * slopeY;
      xe += counts * slopeX * left;
      ye += counts * slopeY * left;
    });
  }
  const determinant = xx * yy - xy * xy;
  // Flat, or of one direction alone: along it nothing can be told.
  if (!(determinant > 1e-4 * (xx + yy) ** 2 && xx + yy > 1e-6)) return undefined;
  return [(yy * xe - xy * ye) / determinant, (xx * ye - xy * xe) / determinant];
}

/** The shift by whole pixels at which both images are most alike. */
function wholeShift(windows: readonly Window[]): Place {
  const here = correlation(windows, 0, 0);
  let best = { x: 0, y: 0, value: here };
  for (let y = -furthest; y <= furthest; y++) {
    for (let x = -furthest; x <= furthest; x++) {
      const value = correlation(windows, x, y);
      if (value > best.value) best = { x, y, value };
    }
  }
  // Another place must be clearly more alike than this one.
  return 1 - best.value < 0.8 * (1 - here) ? best : { x: 0, y: 0 };
}

/** Every so many pixels along both axes are correlated. */
const stride = 2;

/** The correlation of windows with a target that is moved by whole pixels. */
function correlation(windows: readonly Window[], x: number, y: number): number {
  let [n, a, b, aa, ab, bb] = [0, 0, 0, 0, 0, 0];
  for (const { output, target, weight, width, height } of windows) {
    const offset = y * width + x;
    for (let row = margin; row < height - margin; row += stride) {
      for (let at = row * width + margin; at < (row + 1) * width - margin; at += stride) {
        const counts = weight === undefined ? 1 : weight[at];
        const [p, q] = [output[at], target[at - offset]];
        n += counts;
        a += counts * p;
        b += counts * q;
        aa += counts * p * p;
        ab += counts * p * q;
        bb += counts * q * q;
      }
    }
  }
  const spread = (aa - (a * a) / n) * (bb - (b * b) / n);
  return spread > 0 ? (ab - (a * b) / n) / Math.sqrt(spread) : 0;
}

/** A shift refined from whole pixels to fractions (Lucas and Kanade 1981); `none` where nothing can be told or there is no shift, `away` where it leads elsewhere. */
function refined(windows: readonly Window[], begin: Place): Place | "none" | "away" {
  let { x, y } = begin;
  for (let round = 0; round < rounds; round++) {
    const step = refinement(windows, x, y);
    if (step === undefined) return "none";
    if (round === 0 && x === 0 && y === 0 && Math.hypot(...step) < none) return "none";
    x += step[0];
    y += step[1];
    // Steps are good near a shift; one that leads far away from it leads nowhere.
    if (!(Math.abs(x - begin.x) <= 1.5 && Math.abs(y - begin.y) <= 1.5)) return "away";
    x = Math.min(Math.max(x, -furthest), furthest);
    y = Math.min(Math.max(y, -furthest), furthest);
    if (Math.hypot(...step) < settled) break;
  }
  return { x, y };
}

/**
 * Estimates the displacement of an output against its target: by whole pixels where they correlate best, then refined to fractions by least squares. Undefined where nothing can be told, or there is no
 * shift.
 */
export function estimateShift(windows: readonly Window[]): Shift | undefined {
  const large = windows.filter(({ width, height }) => Math.min(width, height) >= 2 * margin + 8);
  if (large.length === 0) return undefined;
  const soft = large.map((window) => ({
    ...window,
    output: softened(window.output, window),
    target: softened(window.target, window),
  }));
  const isNear = correlation(soft, 0, 0) >= nearCorrelation;
  let found = refined(soft, isNear ? { x: 0, y: 0 } : wholeShift(soft));
  // Smooth images are much alike several pixels away.
  if (found === "away" && isNear) found = refined(soft, wholeShift(soft));
  if (typeof found === "string") return undefined;
  const { x, y } = found;
  return {
    x,
    y,
    cost: decibels(errorAt(large, 0, 0), errorAt(large, x, y)),
    soft: decibels(errorAt(soft, 0, 0), errorAt(soft, x, y)),
  };
}

/** The part of a window whose target can be moved to where its output lies, moved there. */
export function movedBack({ width, height, output, target, weight }: Window, { x, y }: Shift): Window {
  const [w, h] = [Math.max(0, width - 2 * margin), Math.max(0, height - 2 * margin)];
  const inner = (plane: Float32Array): Float32Array => {
    const kept = new Float32Array(w * h);
    for (let row = 0; row < h; row++) {
      const from = (row + margin) * width + margin;
      kept.set(plane.subarray(from, from + w), row * w);
    }
    return kept;
  };
  const place = { width: w, height: h, output: inner(output) };
  // Nothing is left of a small window.
  if (w === 0 || h === 0) return { ...place, target: new Float32Array(0) };
  const parts = { ...place, target: inner(moved(target, width, height, x, y)) };
  return weight === undefined ? parts : { ...parts, weight: inner(weight) };
}
