import { ReconlossError } from "../../errors.ts";
import { areBytes } from "../rows.ts";
import type { Planes, SsimBlocksSpec } from "../types.ts";
import { evenStrips, type StripKernel } from "./strip.ts";

/** Pixels along an axis from window to window, and of a window, and the pixels in it. */
const [step, side, area] = [4, 8, 64];

/** Rows of windows of a strip. */
const stripRows = 64;

/** Rows of windows, and windows of a row. */
function windows([, height, width]: Planes): readonly [rows: number, columns: number] {
  const along = (length: number) => Math.floor((length - side) / step) + 1;
  return [along(height), along(width)];
}

/** SSIM under uniform windows of 8x8 pixels, every fourth down and across, of images of 8 bits a sample. */
export const ssimBlocks: StripKernel<SsimBlocksSpec> = {
  needsTarget: true,
  weight: 2,
  byteWeight: 0.5,
  inPlace: true,
  mapSize: () => undefined,
  strips: (_, planes) => evenStrips(windows(planes)[0], stripRows),
  sourceRows: (_, __, [from, to]) => [from * step, (to - 1) * step + side],
  gradRows: () => [0, 0],
  mapRows: () => [0, 0],
  run: (kernels, { k1, k2, dataRange, covariance }, [channels, , width], [from, to], { output, target, grad }) => {
    const images = [output, target!];
    if (grad || !images.every(areBytes)) {
      const problem = "ssim-blocks takes pixels of 8 bits a sample, and has no gradient";
      throw new ReconlossError("invalid-argument", `runKernel: ${problem}`);
    }
    kernels.reset();
    const [first, end] = [from * step * width, ((to - 1) * step + side) * width];
    const [x, y] = images.map((rows) => kernels.stage(rows, first, end, kernels.staging(rows, end - first)));
    const scratch = kernels.bytes(kernels.run.ssimBlocksScratch(width));
    const unit = (area * 255) ** 2;
    const unbias = covariance === "sample" ? area / (area - 1) : 1;
    const [c1, c2] = [unit * (k1 * dataRange) ** 2, (unit * (k2 * dataRange) ** 2) / unbias];
    const { ssimBlocks: sum } = kernels.run;
    let total = 0;
    for (let channel = 0; channel < channels; channel++) {
      total += sum(x, output.step, y, target!.step, channel, width, to - from, c1, c2, scratch);
    }
    return Float64Array.of(total);
  },
  finish: (_, planes, [sum]) => {
    const [rows, columns] = windows(planes);
    return sum / (planes[0] * rows * columns);
  },
};
