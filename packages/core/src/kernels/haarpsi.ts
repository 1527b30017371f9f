import { checkColours } from "./colours.ts";
import { module as haarModule } from "./generated/haar.ts";
import { module as planesModule } from "./generated/planes.ts";
import { byImage, type ImageScore, type ImageTask, type KernelRun } from "./kernel.ts";
import type { Kernels } from "./module.ts";
import { averagePlanes, spreadPlanes } from "./planes.ts";
import { dimensions, planarRows, rowsOf } from "./rows.ts";
import { haar } from "./strips/haar.ts";
import type { HaarPsiSpec } from "./types.ts";

/** The similarity of one image, and its derivative by the mean of the logistic function. */
function* scoreImage(
  kernels: Kernels,
  { factor, rows, constant, alpha }: HaarPsiSpec,
  { output, target, grad }: ImageTask,
): KernelRun<ImageScore> {
  const { planes } = dimensions(output);
  // Grey images have no colours to compare.
  const averages = { factor, rows: planes[0] === 3 ? rows : rows.slice(0, 1) };
  const x = averagePlanes(kernels, rowsOf(output, 0, "output"), planes, averages);
  const y = averagePlanes(kernels, rowsOf(target, 0, "target"), planes, averages);
  const extremes = kernels.takeExtremes();
  const spec = { kind: "haar", constant, alpha } as const;
  const { sums } = yield { kernel: haar, spec, output: x, target: y };
  const [[weighted, weights]] = sums;
  const mean = weights > 0 ? weighted / weights : 0;
  const rest = 1 / (Math.exp(alpha) + 1) + mean;
  const root = Math.log((1 - rest) / rest) / alpha;
  const score = root ** 2;
  if (grad === undefined) return { score, extremes };
  const own = new Float32Array(x.data.length);
  if (weights > 0) {
    const slopes = { mean, factor: (-2 * root) / (alpha * rest * (1 - rest) * weights) };
    yield { kernel: haar, spec: { ...spec, slopes }, output: x, target: y, grad: own };
  }
  spreadPlanes(kernels, planarRows(grad, planes), planes, averages, own);
  return { score, extremes };
}

/** HaarPSI: planes of the averaged images here, similarities in strips. */
export const haarpsi = byImage(scoreImage, [planesModule, haarModule], (name, _, shape) => checkColours(name, shape));
