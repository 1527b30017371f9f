import { ReconlossError } from "../errors.ts";
import { formatShape, type Tensor } from "../tensor.ts";
import { addDecimated, decimatePlanes } from "./decimate.ts";
import { module as informationModule } from "./generated/information.ts";
import { module as pyramidModule } from "./generated/pyramid.ts";
import { byImage, type ImageScore, type ImageTask, type KernelRun } from "./kernel.ts";
import type { Kernels } from "./module.ts";
import { addCoarser, mixPlanes } from "./pyramid.ts";
import { dimensions, type NotedExtremes, rowsOf } from "./rows.ts";
import { sharedPlanes } from "./shared-planes.ts";
import { information } from "./strips/information.ts";
import { lumaWeights } from "./strips/mixing.ts";
import type { KernelImage, Planes, VifSpec } from "./types.ts";

/** The sum of information that counts as none. */
const nothing = 1e-8;

/** The least shorter side that leaves every scale a window. */
function leastSide(windows: VifSpec["windows"]): number {
  return windows.reduceRight((least, { length }, scale) => {
    const within = Math.max(least, length);
    return scale === 0 ? within : 2 * (within - 1) + length;
  }, 1);
}

/** The score of one image: the mean over channels of what is told, summed over scales. */
function* scoreImage(
  kernels: Kernels,
  { luma, windows, noise, least }: VifSpec,
  { output, target, grad }: ImageTask,
): KernelRun<ImageScore> {
  const { planes: whole } = dimensions(output);
  const compared = luma && (yield* mixPlanes({ output, target }, luma));
  let [x, y]: KernelImage[] = compared ? [compared.output, compared.target] : [output, target];
  let extremes: NotedExtremes = compared?.extremes ?? {};
  const channels = dimensions(x).planes[0];
  const contents = Array.from({ length: channels }, () => ({ output: nothing, target: nothing }));
  const scales: { image: KernelImage; planes: Planes; grad: Tensor }[] = [];
  for (const [scale, window] of windows.entries()) {
    if (scale > 0) {
      const { planes } = dimensions(x);
      [x, y] = [x, y].map((image) => decimatePlanes(kernels, rowsOf(image, 0), planes, window));
    }
    const { planes } = dimensions(x);
    const own = grad && sharedPlanes(planes);
    if (own) scales.push({ image: x, planes, grad: own });
    const spec = { kind: "information", window, noise, least } as const;
    // Those of a luma, and means, have no extremes of their own.
    const unnoted = scale > 0 || luma !== undefined;
    const tiled = yield { kernel: information, spec, output: x, target: y, grad: own?.data, unnoted };
    if (!unnoted) extremes = tiled.extremes;
    const [sums] = tiled.sums;
    for (const [channel, sum] of contents.entries()) {
      sum.output += sums[2 * channel];
      sum.target += sums[2 * channel + 1];
    }
  }
  const score = contents.reduce((sum, { output, target }) => sum + output / target / channels, 0);
  if (grad === undefined) return { score, extremes };
  for (let scale = windows.length - 1; scale > 0; scale--) {
    const { planes, grad: finer } = scales[scale - 1];
    addDecimated(kernels, finer.data, planes, windows[scale], scales[scale].grad.data);
  }
  const [{ grad: finest }] = scales;
  const slopes = contents.map(({ target }) => 1 / (target * channels));
  const shares = luma ? lumaWeights(whole[0], luma).map((weight) => weight * slopes[0]) : slopes;
  yield* addCoarser({ image: output, grad, own: finest }, { odd: "drop", scales: shares });
  return { score, extremes };
}

/** Visual information fidelity: what makes one scale of another here, lumas and information in strips. */
export const vif = byImage(scoreImage, [pyramidModule, informationModule], (name, { windows }, shape) => {
  const least = leastSide(windows);
  if (Math.min(shape[2], shape[3]) >= least) return;
  const problem = `output is ${formatShape(shape)}, but its windows need at least ${least}x${least}`;
  throw new ReconlossError("shape", `${name}: ${problem}`);
});
