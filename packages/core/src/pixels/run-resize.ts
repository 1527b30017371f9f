import { ReconlossError } from "../errors.ts";
import { module } from "../kernels/generated/resize.ts";
import { loadKernels } from "../kernels/load.ts";
import type { Kernels } from "../kernels/module.ts";
import { checkImage, dimensions, rowsOf, samples } from "../kernels/rows.ts";
import type { KernelImage } from "../kernels/types.ts";
import { Tensor } from "../tensor.ts";
import { planResize, type Resizer, type Taps } from "./resize.ts";

/** Rows of the result whose source rows are in memory at a time: one where the taps leave rows out, else enough that few are brought twice. */
function rowsOfBand(from: number, { first, width }: Taps): number {
  return first.length * width < from ? 1 : 16;
}

/**
 * `resize` of image/ on vectors, for many images. Rows are weighted first and columns then, in float32, where `resize` takes the columns first and
 * adds in float64: the two differ by float32 rounding. Stored pixels are weighted as they are and scaled last.
 *
 * @param image float32 planes [n, c, h, w], or one image of 1 or 3 interleaved channels of 8 or 16 bits
 * @param size height and width
 * @param options.dataRange the value of white, in planes and in the result; default 1
 * @returns planes [n, c, height, width]
 * @throws {ReconlossError} `shape` for pixels that do not make an image, or have other channels; `invalid-argument` as `resize`
 */
export async function runResize(
  image: KernelImage,
  size: readonly [height: number, width: number],
  resizer: Resizer,
  options: { dataRange?: number } = {},
): Promise<Tensor> {
  return resizeWith(await loadKernels([module]), image, size, resizer, options);
}

/** {@link runResize} on one instance of the kernels. */
export function resizeWith(
  kernels: Kernels,
  image: KernelImage,
  size: readonly [height: number, width: number],
  resizer: Resizer,
  { dataRange = 1 }: { dataRange?: number } = {},
): Tensor {
  checkImage("resize", "image", image);
  const { count, planes } = dimensions(image);
  const [channels, h, w] = planes;
  if (!(image instanceof Tensor) && channels !== 1 && channels !== 3) {
    throw new ReconlossError("shape", `resize: pixels must have 1 or 3 channels, got ${channels}`);
  }
  const [height, width] = size;
  const { across, down, clips } = planResize([h, w], size, resizer);
  const white = image instanceof Tensor ? 1 : (image.data instanceof Uint16Array ? 65535 : 255) / dataRange;
  const [low, high] = clips ? [0, dataRange] : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];

  const { run } = kernels;
  kernels.reset();
  const bandRows = rowsOfBand(h, down);
  const bands = Array.from({ length: Math.ceil(height / bandRows) }, (_, i) => {
    const [start, end] = [i * bandRows, Math.min((i + 1) * bandRows, height)];
    return { start, end, from: down.first[start], to: down.first[end - 1] + down.width };
  });
  const { layout, step } = rowsOf(image, 0);
  // Interleaved channels go through memory together, planes one at a time.
  const together = layout === "interleaved" ? channels : 1;
  const length = w * step;
  const { BYTES_PER_ELEMENT: bytes } = image.data;
  const source = kernels.bytes(Math.max(...bands.map(({ from, to }) => to - from)) * length * bytes);
  const row = kernels.floats(length);
  const [firsts, columnWeights] = place(kernels, across);
  const [, rowWeights] = place(kernels, down);
  const stride = bandRows * width;
  const out = kernels.floats(together * stride);

  /** Rows [start, end) of the result, from the source rows in memory, which begin with row `from`. */
  const resizeBand = (start: number, end: number, from: number) => {
    for (let y = start; y < end; y++) {
      const at = source + (down.first[y] - from) * length * bytes;
      const to = out + (y - start) * width * 4;
      run.resizeDown(bytes, at, length, rowWeights + y * down.width * 4, down.width, row);
      run.resizeAcross(row, step, together, firsts, columnWeights, across.width, width, white, low, high, to, stride);
    }
  };

  const result = new Float32Array(count * channels * height * width);
  for (let index = 0; index < count; index++) {
    const rows = rowsOf(image, index);
    for (let first = 0; first < channels; first += together) {
      for (const { start, end, from, to } of bands) {
        const { buffer, byteOffset, byteLength } = samples(rows, first, from * w, to * w);
        const target = new Uint8Array(kernels.memory.buffer, source, byteLength);
        target.set(new Uint8Array(buffer, byteOffset, byteLength));
        resizeBand(start, end, from);
        for (let channel = first; channel < first + together; channel++) {
          const finished = kernels.view(out + (channel - first) * stride * 4, (end - start) * width);
          result.set(finished, ((index * channels + channel) * height + start) * width);
        }
      }
    }
  }
  return new Tensor(result, [count, channels, height, width]);
}

/** Taps in memory: the addresses of the first positions and of the weights. */
function place(kernels: Kernels, { first, weights }: Taps): [first: number, weights: number] {
  const addresses: [number, number] = [kernels.bytes(first.byteLength), kernels.floats(weights.length)];
  new Int32Array(kernels.memory.buffer, addresses[0], first.length).set(first);
  kernels.view(addresses[1], weights.length).set(weights);
  return addresses;
}
