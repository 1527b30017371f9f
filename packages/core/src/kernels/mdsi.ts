import { checkColours } from "./colours.ts";
import { downsampleFactor } from "./downsampling.ts";
import { module as chromaticModule } from "./generated/chromatic.ts";
import { module as planesModule } from "./generated/planes.ts";
import { byImage, type ImageScore, type ImageTask, type KernelRun } from "./kernel.ts";
import type { Kernels } from "./module.ts";
import { averagePlanes, spreadPlanes } from "./planes.ts";
import { dimensions } from "./rows.ts";
import { sharedPlanes } from "./shared-planes.ts";
import { chromatic } from "./strips/chromatic.ts";
import type { ChromaticSpec, MdsiSpec } from "./types.ts";

/** Mean deviations up to this have no slope: that of their root would leave float32. */
const least = 1e-20;

/** A number in two summands that float32 holds. */
function inTwo(x: number): [number, number] {
  const high = Math.fround(x);
  return [high, x - high];
}

/** The mean deviation of the powers of similarities less 1, and with `slopes` the derivatives of its power by each, in their place. */
function deviation(kernels: Kernels, { q, o }: MdsiSpec, similarities: Float32Array, withSlopes: boolean): number {
  const count = similarities.length;
  const turn = [q, Math.cos(Math.PI * q), Math.sin(Math.PI * q)] as const;
  const { run } = kernels;
  kernels.reset();
  const [d, re, im] = [kernels.floats(count), kernels.floats(count), kernels.floats(count)];
  const address = kernels.bytes(40);
  kernels.view(d, count).set(similarities);
  kernels.view64(address, 5).fill(0);
  run.complexPowers(d, count, ...turn, re, im, address);
  const [sumRe, sumIm] = kernels.view64(address, 2);
  const means = [...inTwo(sumRe / count), ...inTwo(sumIm / count)] as const;
  run.complexDeviations(re, im, count, ...means, address + 16);
  const [length, alongRe, alongIm] = kernels.view64(address + 16, 3);
  const mean = length / count;
  const score = mean > 0 ? Math.max(mean, least) ** o : 0;
  if (!withSlopes) return score;
  const factor = mean > least ? (o * mean ** (o - 1)) / count : 0;
  run.deviationSlopes(d, re, im, count, ...means, alongRe / count, alongIm / count, ...turn, factor);
  similarities.set(kernels.view(d, count));
  return score;
}

/** The score of one image. */
function* scoreImage(kernels: Kernels, spec: MdsiSpec, images: ImageTask): KernelRun<ImageScore> {
  const [, rows, columns] = dimensions(images.output).planes;
  const averages = { factor: downsampleFactor(rows, columns, "to even"), rows: spec.rows };
  const { output, target, extremes } = yield* averagePlanes(images, averages);
  const { c1, c2, c3, alpha } = spec;
  const pass = {
    kernel: chromatic,
    spec: { kind: "chromatic", c1, c2, c3, alpha } satisfies ChromaticSpec,
    output,
    target,
    unnoted: true,
  };
  const [, , height, width] = output.shape;
  const places = sharedPlanes([1, height, width]);
  yield { ...pass, map: places.data };
  const score = deviation(kernels, spec, places.data, images.grad !== undefined);
  if (images.grad === undefined) return { score, extremes };
  const own = sharedPlanes(dimensions(output).planes);
  yield { ...pass, weight: places, grad: own.data };
  yield* spreadPlanes(images, averages, own);
  return { score, extremes };
}

/** MDSI: deviations here, planes of the averaged images and similarities in strips. */
export const mdsi = byImage(scoreImage, [planesModule, chromaticModule], (name, _, shape) => checkColours(name, shape));
