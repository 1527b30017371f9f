import { Tensor } from "../tensor.ts";
import { checkColours } from "./colours.ts";
import { module as pyramidModule } from "./generated/pyramid.ts";
import { module as ssimulacra2Module } from "./generated/ssimulacra2.ts";
import { byImage, type ImageScore, type ImageTask, type KernelRun } from "./kernel.ts";
import type { Kernels } from "./module.ts";
import { addCoarser, halvePlanes } from "./pyramid.ts";
import { dimensions, type NotedExtremes, planarRows, type Rows, rowsOf, samples } from "./rows.ts";
import { sharedPlanes } from "./shared-planes.ts";
import { meansOf, ssimulacra2Scale } from "./strips/ssimulacra2-scale.ts";
import type { KernelImage, Planes, Ssimulacra2ScaleSpec, Ssimulacra2Spec } from "./types.ts";

/** The shortest side that is still halved. */
const leastHalved = 8;
const mostScales = 6;

/** The number of scales of images: each halves the one before, whose sides must be at least 8. */
export function ssimulacra2Scales(height: number, width: number): number {
  let [scales, side] = [1, Math.min(height, width)];
  while (side >= leastHalved && scales < mostScales) {
    side = Math.ceil(side / 2);
    scales++;
  }
  return scales;
}

/** Pixels that are in memory at a time. */
const piece = 8192;

/** Makes of a gradient with respect to linear light that with respect to samples, in place. */
function fromLinear(kernels: Kernels, source: Rows, planes: Planes, dataRange: number, grad: Float32Array): void {
  const [channels, height, width] = planes;
  const rows = planarRows(grad, planes);
  kernels.reset();
  const x = kernels.floats(channels * piece);
  const slopes = kernels.floats(piece);
  const staging = kernels.staging(source, piece);
  for (let from = 0; from < height * width; from += piece) {
    const to = Math.min(from + piece, height * width);
    kernels.read(source, [0, channels], from, to, x, piece, staging, "by the kernel");
    for (let channel = 0; channel < channels; channel++) {
      kernels.view(slopes, to - from).set(samples(rows, channel, from, to));
      kernels.run.linearLightGradient(x + 4 * channel * piece, slopes, to - from, 1 / dataRange);
      kernels.write(rows, channel, from, to, slopes);
    }
  }
}

/** The weighted sum of errors of one image. */
function* scoreImage(
  kernels: Kernels,
  { dataRange, window, weights }: Ssimulacra2Spec,
  { output, target, grad }: ImageTask,
): KernelRun<ImageScore> {
  const { planes: finest } = dimensions(output);
  const [, height, width] = finest;
  let [x, y]: KernelImage[] = [output, target];
  let [score, extremes]: [number, NotedExtremes] = [0, {}];
  const scales: { spec: Ssimulacra2ScaleSpec; output: KernelImage; target: KernelImage; grad: Tensor }[] = [];
  for (const [scale, ofScale] of weights[ssimulacra2Scales(height, width) - 1].entries()) {
    if (scale > 0) {
      const halving = { odd: "symmetric", dataRange: scale === 1 ? dataRange : undefined } as const;
      ({ output: x, target: y } = yield* halvePlanes({ output: x, target: y }, halving, true));
    }
    const { planes } = dimensions(x);
    const spec = { kind: "ssimulacra2-scale", window, ...ofScale, ...(scale === 0 ? { dataRange } : {}) } as const;
    // Means over 2x2 pixels have no extremes of their own.
    const tiled = yield { kernel: ssimulacra2Scale, spec, output: x, target: y, unnoted: scale > 0 };
    const [sums] = tiled.sums;
    if (scale === 0) extremes = tiled.extremes;
    score += ssimulacra2Scale.finish(spec, planes, sums);
    if (grad === undefined) continue;
    const [, rows, columns] = planes;
    const fourths = spec.means.map((_, index) => meansOf(sums, index, rows * columns).fourth);
    const own = scale === 0 ? new Tensor(grad, [1, ...planes]) : sharedPlanes(planes);
    scales.push({ spec: { ...spec, fourths }, output: x, target: y, grad: own });
  }
  for (let scale = scales.length - 1; scale >= 0; scale--) {
    const { grad: own, ...task } = scales[scale];
    yield { kernel: ssimulacra2Scale, ...task, grad: own.data, unnoted: true };
    const coarse = scales[scale + 1]?.grad;
    const scaling = { odd: "symmetric", scales: new Array(finest[0]).fill(1) } as const;
    if (coarse) yield* addCoarser({ image: task.output, grad: own.data, own, coarse }, scaling);
  }
  if (grad) fromLinear(kernels, rowsOf(output, 0), finest, dataRange, grad);
  return { score, extremes };
}

/** SSIMULACRA 2: errors at every scale and what makes one scale of another, all in strips. */
export const ssimulacra2 = byImage(scoreImage, [pyramidModule, ssimulacra2Module], (name, _, shape) =>
  checkColours(name, shape),
);
