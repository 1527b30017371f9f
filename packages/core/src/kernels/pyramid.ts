import { Tensor } from "../tensor.ts";
import type { Kernels } from "./module.ts";
import { planarRows, type Rows, type WritableRows } from "./rows.ts";
import type { GmsdSpec, MsSsimSpec, Planes } from "./types.ts";

/** The continuation of odd sides before halving: as {@link MsSsimSpec.odd} has it, or zeros after the last row and column. */
export type Odd = MsSsimSpec["odd"] | "zero after";

/** The step from one scale to the next: the rows above and columns left of the image (0 or 1), and the next size. */
interface Halving {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

function halving([, height, width]: Planes, odd: Odd): Halving {
  const [oddRows, oddColumns] = [height % 2, width % 2];
  const both = Math.max(oddRows, oddColumns);
  const [top, left] = odd === "zero" ? [oddRows, oddColumns] : odd === "replicate" ? [both, both] : [0, 0];
  const [bottom, right] = odd === "symmetric" || odd === "zero after" ? [oddRows, oddColumns] : [0, 0];
  return { top, left, height: (height + top + bottom) >> 1, width: (width + left + right) >> 1 };
}

/** Height and width after halving. */
export function halfSize(planes: Planes, odd: Odd): readonly [height: number, width: number] {
  const { height, width } = halving(planes, odd);
  return [height, width];
}

/** The weight of the last column in the last mean along a row, where that is of this column alone; else 0. */
function lastShare(odd: Odd, width: number): number {
  if (width % 2 === 0) return 0;
  return { symmetric: 0.5, "zero after": 0.25, zero: 0, replicate: 0, drop: 0 }[odd];
}

/** Rows of the finer image that are in memory at a time, so that a band stays in a second-level cache. */
function bandHeight(width: number): number {
  return Math.max(2, Math.floor(32768 / width) & ~1);
}

/** One plane of three or one: the sum of weighted channels and an offset. */
type Mixing = GmsdSpec["luma"];

/** The weight of each channel; grey is all three. */
export function lumaWeights(channels: number, { weights }: Mixing): readonly number[] {
  return channels === 1 ? [weights.reduce((sum, weight) => sum + weight, 0)] : weights;
}

/**
 * Half the size, by means over 2x2 pixels; of what channels are mixed to, if so.
 *
 * @param prepare - what is done before to so many samples at an address
 */
export function halvePlanes(
  kernels: Kernels,
  source: Rows,
  planes: Planes,
  odd: Odd,
  mixing?: Mixing,
  prepare?: (address: number, count: number) => void,
): Tensor {
  const [channels, height, width] = planes;
  const half = halving(planes, odd);
  const kept = mixing ? 1 : channels;
  const result = new Float32Array(kept * half.height * half.width);
  const rows = planarRows(result, [kept, half.height, half.width]);
  const band = bandHeight(width);
  const stride = ((band + 1) * width + 15) & ~3;
  kernels.reset();
  const x = kernels.floats(channels * stride);
  const staging = kernels.staging(source, (band + 1) * width);
  const out = kernels.floats((band / 2) * half.width);
  for (let from = 0; from < half.height; from += band / 2) {
    const to = Math.min(from + band / 2, half.height);
    const first = Math.max(2 * from - half.top, 0);
    // A last row that is left out is read all the same: its extremes are noted.
    const end = to === half.height ? height : 2 * to - half.top;
    kernels.read(source, [0, channels], first * width, end * width, x, stride, staging);
    prepare?.(x, (channels - 1) * stride + (end - first) * width);
    if (mixing) mix(kernels, x, stride, channels, (end - first) * width, mixing);
    for (let channel = 0; channel < kept; channel++) {
      const at = (row: number) => x + (channel * stride + (row - first) * width) * 4;
      for (let row = from; row < to; row++) {
        const upper = 2 * row - half.top;
        const lower = upper + 1 < height ? upper + 1 : odd === "symmetric" ? upper : -1;
        // A row of zeros is that above.
        const pair = lower < 0 ? [-1, upper] : [upper < 0 && odd === "replicate" ? 0 : upper, lower];
        kernels.run.halve(
          pair[0] < 0 ? 0 : at(pair[0]),
          at(pair[1]),
          -half.left,
          odd === "replicate",
          lastShare(odd, width),
          out + (row - from) * half.width * 4,
          half.width,
        );
      }
      kernels.write(rows, channel, from * half.width, to * half.width, out);
    }
  }
  return new Tensor(result, [1, kept, half.height, half.width]);
}

/** The plane that channels are mixed to. */
export function mixPlanes(kernels: Kernels, source: Rows, [channels, height, width]: Planes, mixing: Mixing): Tensor {
  const result = new Float32Array(height * width);
  const rows = planarRows(result, [1, height, width]);
  const piece = bandHeight(width) * width;
  const stride = (piece + 15) & ~3;
  kernels.reset();
  const x = kernels.floats(channels * stride);
  const staging = kernels.staging(source, piece);
  for (let from = 0; from < height * width; from += piece) {
    const to = Math.min(from + piece, height * width);
    kernels.read(source, [0, channels], from, to, x, stride, staging);
    mix(kernels, x, stride, channels, to - from, mixing);
    kernels.write(rows, 0, from, to, x);
  }
  return new Tensor(result, [1, 1, height, width]);
}

function mix(kernels: Kernels, planes: number, stride: number, channels: number, count: number, mixing: Mixing): void {
  const [red, green = 0, blue = 0] = lumaWeights(channels, mixing);
  kernels.run.mix(planes, channels === 1 ? 0 : stride * 4, count, red, green, blue, mixing.offset);
}

/** Gradients of one scale, what each channel is multiplied by, and those of the next scale. */
interface Gradients {
  /** Of this scale alone, one for all channels or for each; absent: 0. */
  readonly own?: Rows;
  readonly scales: readonly number[];
  /** Of the next scale, one for all channels or for each; absent: 0. */
  readonly coarse?: Float32Array;
  /** The factor of each channel's share of the next scale's gradient. Default 1. */
  readonly shares?: readonly number[];
}

/** grad = scale * own + the share of the next scale's gradient. */
export function addCoarser(
  kernels: Kernels,
  grad: WritableRows,
  planes: Planes,
  odd: Odd,
  { own, scales, coarse, shares }: Gradients,
): void {
  const [channels, height, width] = planes;
  const half = halving(planes, odd);
  const [replicate, symmetric] = [odd === "replicate", odd === "symmetric"];
  const coarseChannels = coarse ? coarse.length / (half.height * half.width) : 0;
  const coarseRows = coarse && planarRows(coarse, [coarseChannels, half.height, half.width]);
  const band = bandHeight(width);
  kernels.reset();
  const fine = kernels.floats(band * width);
  const up = coarse ? kernels.floats((band / 2 + 1) * half.width) : 0;
  if (own === undefined) kernels.view(fine, band * width).fill(0);
  for (let channel = 0; channel < channels; channel++) {
    for (let from = 0; from < height; from += band) {
      const to = Math.min(from + band, height);
      if (own) kernels.readChannel(own, channel, from * width, to * width, fine);
      const firstUp = (from + half.top) >> 1;
      const endUp = Math.min(((to - 1 + half.top) >> 1) + 1, half.height);
      if (coarseRows) kernels.readChannel(coarseRows, channel, firstUp * half.width, endUp * half.width, up);
      for (let row = from; row < to; row++) {
        const upRow = (row + half.top) >> 1;
        const first = replicate && half.top === 1 && row === 0;
        const last = symmetric && height % 2 === 1 && row === height - 1;
        kernels.run.unhalve(
          fine + (row - from) * width * 4,
          width,
          own ? scales[channel] : 0,
          coarse && upRow < half.height ? up + (upRow - firstUp) * half.width * 4 : 0,
          half.width,
          (first || last ? 0.5 : 0.25) * (shares?.[channel] ?? 1),
          -half.left,
          replicate,
          symmetric && width % 2 === 1,
        );
      }
      kernels.write(grad, channel, from * width, to * width, fine);
    }
  }
}
