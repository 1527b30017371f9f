import { checkColours } from "./colours.ts";
import { module as haarModule } from "./generated/haar.ts";
import { module as planesModule } from "./generated/planes.ts";
import { byImage, type ImageScore, type ImageTask, type KernelRun } from "./kernel.ts";
import type { Kernels } from "./module.ts";
import { averagePlanes, spreadPlanes } from "./planes.ts";
import { dimensions } from "./rows.ts";
import { sharedPlanes } from "./shared-planes.ts";
import { haar } from "./strips/haar.ts";
import type { HaarPsiSpec } from "./types.ts";

/** The similarity of one image, and its derivative by the mean of the logistic function. */
function* scoreImage(
  _: Kernels,
  { factor, rows, constant, alpha }: HaarPsiSpec,
  images: ImageTask,
): KernelRun<ImageScore> {
  // Grey images have no colours to compare.
  const averages = { factor, rows: dimensions(images.output).planes[0] === 3 ? rows : rows.slice(0, 1) };
  const { output, target, pass: after } = averagePlanes(images, averages);
  const pass = { kernel: haar, output, target, unnoted: true };
  const spec = { kind: "haar", constant, alpha } as const;
  const { sums, extremes } = yield { ...pass, spec, after };
  const [[weighted, weights]] = sums;
  const mean = weights > 0 ? weighted / weights : 0;
  const rest = 1 / (Math.exp(alpha) + 1) + mean;
  const root = Math.log((1 - rest) / rest) / alpha;
  const score = root ** 2;
  if (images.grad === undefined) return { score, extremes };
  const own = sharedPlanes(dimensions(output).planes);
  if (weights > 0) {
    const slopes = { mean, factor: (-2 * root) / (alpha * rest * (1 - rest) * weights) };
    yield { ...pass, spec: { ...spec, slopes }, grad: own.data };
  }
  yield* spreadPlanes(images, averages, own);
  return { score, extremes };
}

/** HaarPSI: planes of the averaged images and similarities, both in strips. */
export const haarpsi = byImage(scoreImage, [planesModule, haarModule], (name, _, shape) => checkColours(name, shape));
