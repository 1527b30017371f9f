import type { Tensor } from "../tensor.ts";
import type { ImageTask, KernelRun } from "./kernel.ts";
import { type PlanesToMake, planesToMake } from "./passes.ts";
import { averages, spreading } from "./strips/averages.ts";
import type { PlanesSpec } from "./types.ts";

/** Means over squares of the images' pixels, as planes of a linear colour space. */
export function averagePlanes(images: ImageTask, spec: PlanesSpec): PlanesToMake {
  return planesToMake(images, averages, { ...spec, kind: "averages" }, spec.rows.length);
}

/** Takes gradients with respect to the planes of {@link averagePlanes} back to those with respect to the output. */
export function* spreadPlanes({ output, grad }: ImageTask, spec: PlanesSpec, ofPlanes: Tensor): KernelRun<void> {
  yield { kernel: spreading, spec: { ...spec, kind: "spreading" }, output, weight: ofPlanes, grad, unnoted: true };
}
