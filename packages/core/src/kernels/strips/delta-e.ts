import { type LinearTable, linearTable } from "../curves.ts";
import type { Kernels } from "../module.ts";
import { areBytes, sampleIndex } from "../rows.ts";
import type { DeltaESpec, Planes } from "../types.ts";
import { evenStrips, type StripData, type StripKernel } from "./strip.ts";

const formulas = { "76": 0, "94": 1, "lab-mse": 2, "2000": 3 } as const;

/** Pixels that are in memory at a time. */
const piece = 4096;
/** From one plane of a piece to the next: planes a multiple of 4096 bytes apart would share few places of the caches. */
const apart = piece + 16;

/** The table of the range that was last asked for: it costs more than a small image. */
let prepared: { readonly range: number; readonly table: LinearTable } | undefined;

function tableOf(range: number): LinearTable {
  if (prepared?.range !== range) prepared = { range, table: linearTable(range) };
  return prepared.table;
}

/** Colour differences. */
export const deltaE: StripKernel<DeltaESpec> = {
  needsTarget: true,
  weight: 8,
  inPlace: true,
  mixesChannels: true,
  mapSize: (_, [, height, width]) => [height, width],
  strips: (_, [, height, width]) => evenStrips(height, Math.ceil(2 ** 16 / width)),
  sourceRows: (_, __, strip) => strip,
  gradRows: (_, __, strip) => strip,
  mapRows: (_, __, strip) => strip,
  weightRows: (_, __, strip) => strip,
  run: (kernels, spec, planes, [from, to], data) => {
    const width = planes[2];
    return Float64Array.of(scorePixels(kernels, spec, planes, from * width, to * width, data));
  },
  finish: (_, [, height, width], [sum]) => sum / (height * width),
};

function scorePixels(
  kernels: Kernels,
  { formula, dataRange }: DeltaESpec,
  [channels, height, width]: Planes,
  first: number,
  end: number,
  { output, target, grad, map, weight }: StripData,
): number {
  kernels.reset();
  const x = kernels.floats(channels * apart);
  const y = kernels.floats(channels * apart);
  const gradient = grad ? kernels.floats(channels * apart) : 0;
  const cells = map ? kernels.floats(piece) : 0;
  const weights = weight ? kernels.floats(piece) : 0;
  const [stagingX, stagingY] = [output, target!].map((rows) => kernels.staging(rows, piece));
  const scratch = kernels.bytes(kernels.run.deltaEScratch());
  const { rows, perStep, threshold } = tableOf(dataRange);
  kernels.view(kernels.run.linearTable(), rows.length).set(rows);
  // Of screenshots most is what it was before: pieces whose bytes are equal differ by 0.
  const canBeSame = !grad && output.step === target!.step && [output, target!].every(areBytes);
  let sum = 0;
  for (let p = first; p < end; p += piece) {
    const q = Math.min(p + piece, end);
    if (canBeSame) {
      const [a, b] = [kernels.stage(output, p, q, stagingX), kernels.stage(target!, p, q, stagingY)];
      if (kernels.run.sameBytes(a, b, (q - p) * output.step)) {
        map?.data.fill(0, sampleIndex(map, 0, p), sampleIndex(map, 0, q));
        continue;
      }
    }
    // In one memory all three lie apart by the size of a plane.
    const { address, stride } = kernels.source(output, [0, channels], p, q, x, apart, stagingX);
    const targets = kernels.source(target!, [0, channels], p, q, y, apart, stagingY);
    if (weight) kernels.readChannel(weight, 0, p, q, weights);
    const slopes = grad ? kernels.target(grad, 0, p, gradient) : 0;
    sum += kernels.run.deltaE(
      formulas[formula],
      address,
      targets.address,
      stride,
      q - p,
      channels === 1,
      dataRange,
      perStep,
      threshold,
      slopes,
      1 / (height * width),
      cells,
      weights,
      scratch,
    );
    if (grad) kernels.writePlanes(grad, p, q, slopes, stride);
    if (map) kernels.write(map, 0, p, q, cells);
  }
  return sum;
}
