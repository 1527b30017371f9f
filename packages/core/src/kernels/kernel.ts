import type { Stepwise } from "../stepwise.ts";
import type { Shape } from "../tensor.ts";
import type { Kernels } from "./module.ts";
import { dimensions, type NotedExtremes } from "./rows.ts";
import type { StripKernel } from "./strip.ts";
import type { KernelTask, StripTask, TiledResult } from "./tiled.ts";
import type { KernelSpec, PassSpec, Planes } from "./types.ts";

/** What a kernel computed beside what it wrote. */
export interface KernelScores {
  /** One score per image. */
  readonly perImage: Float64Array;
  /** The least and the greatest value of each batch of planes, seen in passing; NaN where one of them is. */
  readonly extremes: NotedExtremes;
}

/** Work whose steps are passes over strips: whoever runs it does them here, or on several threads. */
export type KernelRun<Result> = Stepwise<StripTask, TiledResult, Result>;

/** A kernel over batches of images. */
export interface Kernel<S extends KernelSpec = KernelSpec> {
  /** Whether there is a second batch. */
  readonly needsTarget: boolean;
  /** Height and width of the error map, where there is one. */
  mapSize(spec: S, planes: Planes): readonly [height: number, width: number] | undefined;
  /** Channels, height and width of what has weights of its own, where weights are taken. */
  weightPlanes(spec: S, planes: Planes): Planes | undefined;
  /** Refuses options that make no sense for images of this shape; `name`: what errors call the kernel. */
  check(name: string, spec: S, shape: Shape): void;
  run(kernels: Kernels, spec: S, task: KernelTask): KernelRun<KernelScores>;
}

/** A kernel that is a single pass over strips. */
export function inStrips<S extends PassSpec>(kernel: StripKernel<S>, check: Kernel<S>["check"] = () => {}): Kernel<S> {
  return {
    needsTarget: kernel.needsTarget,
    mapSize: kernel.mapSize,
    weightPlanes: (spec, planes) => {
      const places = kernel.weightRows && kernel.mapSize(spec, planes);
      return places && [kernel.mixesChannels ? 1 : planes[0], ...places];
    },
    check,
    *run(_, spec, task) {
      const { sums, extremes } = yield { ...task, spec };
      const { planes } = dimensions(task.output);
      return { perImage: Float64Array.from(sums, (sum) => kernel.finish(spec, planes, sum)), extremes };
    },
  };
}
