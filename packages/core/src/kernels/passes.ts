import { Tensor } from "../tensor.ts";
import type { ImageTask, KernelRun } from "./kernel.ts";
import { dimensions, type NotedExtremes } from "./rows.ts";
import { sharedPlanes } from "./shared-planes.ts";
import type { StripKernel } from "./strips/strip.ts";
import type { StripTask } from "./tiled.ts";
import type { StripSpec } from "./types.ts";

/** Planes that are made of either image of a pair, and what was noted of the images. */
export interface PlanesOfPair {
  readonly output: Tensor;
  readonly target: Tensor;
  readonly extremes: NotedExtremes;
}

/** Planes of a pair, and the pass that makes them. */
export interface PlanesToMake {
  readonly output: Tensor;
  readonly target: Tensor;
  readonly pass: StripTask;
}

/** A pass whose map is so many planes of the output and as many of the target. */
export function planesToMake<S extends StripSpec>(
  { output, target }: Pick<ImageTask, "output" | "target">,
  kernel: StripKernel<S>,
  spec: S,
  count: number,
  unnoted = false,
): PlanesToMake {
  const [height, width] = kernel.mapSize(spec, dimensions(output).planes)!;
  const { data } = sharedPlanes([2 * count, height, width], false);
  const half = count * height * width;
  const of = (index: number) => new Tensor(data.subarray(index * half, (index + 1) * half), [1, count, height, width]);
  const pass = { kernel: kernel as unknown as StripKernel, spec, output, target, map: data, unnoted };
  return { output: of(0), target: of(1), pass };
}

/** The same when they are made. */
export function* planesOfPair<S extends StripSpec>(
  ...making: Parameters<typeof planesToMake<S>>
): KernelRun<PlanesOfPair> {
  const { pass, output, target } = planesToMake(...making);
  const { extremes } = yield pass;
  return { output, target, extremes };
}
