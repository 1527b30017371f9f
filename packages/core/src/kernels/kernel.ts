import type { Stepwise } from "../stepwise.ts";
import { type Shape, Tensor } from "../tensor.ts";
import type { Kernels } from "./module.ts";
import type { KernelModule } from "./modules.ts";
import { dimensions, joinExtremes, type NotedExtremes } from "./rows.ts";
import { freeingPlanes } from "./shared-planes.ts";
import type { StripKernel } from "./strips/strip.ts";
import type { KernelTask, StripTask, TiledResult } from "./tiled.ts";
import type { KernelImage, KernelReference, KernelSpec, PassSpec, Planes } from "./types.ts";

/** The results of a kernel besides those that it wrote. */
export interface KernelScores {
  /** One score per image. */
  readonly perImage: Float64Array;
  /** The least and the greatest value of each batch of planes, seen in passing; NaN where one of them is. */
  readonly extremes: NotedExtremes;
}

/** Work whose steps are passes over strips: whoever runs it does them here, or on several threads. */
export type KernelRun<Result> = Stepwise<StripTask, TiledResult, Result>;

/** A kernel over batches of images. */
export interface Kernel<S extends KernelSpec = KernelSpec> extends KernelReference {
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
export function inStrips<S extends PassSpec>(
  kernel: StripKernel<S>,
  modules: readonly KernelModule[],
  check: Kernel<S>["check"] = () => {},
): Kernel<S> {
  return {
    modules,
    needsTarget: kernel.needsTarget,
    mapSize: kernel.mapSize,
    weightPlanes: (spec, planes) => {
      const places = kernel.weightRows && kernel.mapSize(spec, planes);
      return places && [kernel.mixesChannels ? 1 : planes[0], ...places];
    },
    check,
    *run(_, spec, task) {
      const { sums, extremes } = yield { ...task, kernel, spec };
      const { planes } = dimensions(task.output);
      return { perImage: Float64Array.from(sums, (sum) => kernel.finish(spec, planes, sum)), extremes };
    },
  };
}

/** One image against its target, and where its results go. */
export interface ImageTask extends Pick<KernelTask, "grad" | "map"> {
  readonly output: KernelImage;
  readonly target: KernelImage;
}

/** The results of a kernel for one image. */
export interface ImageScore {
  readonly score: number;
  readonly extremes: NotedExtremes;
}

/** A kernel that scores each image of a batch by itself, in passes over strips and work between them. */
export function byImage<S extends KernelSpec>(
  scoreImage: (kernels: Kernels, spec: S, image: ImageTask) => KernelRun<ImageScore>,
  modules: readonly KernelModule[],
  check: Kernel<S>["check"],
  mapSize: Kernel<S>["mapSize"] = () => undefined,
): Kernel<S> {
  return {
    modules,
    needsTarget: true,
    mapSize,
    weightPlanes: () => undefined,
    check,
    *run(kernels, spec, { output, target, grad, map }) {
      const { count } = dimensions(output);
      const one = (image: KernelImage, index: number) => (image instanceof Tensor ? image.image(index) : image);
      const share = (batch: Float32Array | undefined, index: number) =>
        batch?.subarray((index * batch.length) / count, ((index + 1) * batch.length) / count);
      const perImage = new Float64Array(count);
      let extremes: NotedExtremes = {};
      for (let i = 0; i < count; i++) {
        const task = { output: one(output, i), target: one(target!, i), grad: share(grad, i), map: share(map, i) };
        const image = yield* freeingPlanes(scoreImage(kernels, spec, task));
        perImage[i] = image.score;
        extremes = joinExtremes(extremes, image.extremes);
      }
      return { perImage, extremes };
    },
  };
}
